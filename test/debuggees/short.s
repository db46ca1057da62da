# A program of 32 bits that needs no library: says READY, sleeps for as long as it takes, ends with 7 when interrupted.
    .globl _start
    .text
_start:
    movl $4, %eax           # write
    movl $1, %ebx
    movl $text, %ecx
    movl $6, %edx
    int $0x80
    movl $29, %eax          # pause
    int $0x80
    movl $1, %eax           # exit
    movl $7, %ebx
    int $0x80
    .data
text:
    .ascii "READY\n"
    .section .note.GNU-stack
