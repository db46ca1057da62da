// The length of instructions, on code as compilers write it.
#include "util/instruction_length.h"

#include <vector>

#include "check.h"

using rollpoint::util::instruction_length;

namespace {

using Code = std::vector<uint8_t>;

// One instruction each, as an assembler encodes it.
const Code kInstructions[] = {
    {0x90},                                                        // nop
    {0xc3},                                                        // ret
    {0x55},                                                        // push %rbp
    {0x41, 0x57},                                                  // push %r15
    {0x48, 0x89, 0xe5},                                            // mov %rsp,%rbp
    {0xb8, 0xe7, 0, 0, 0},                                         // mov $231,%eax
    {0x41, 0xb8, 0x3c, 0, 0, 0},                                   // mov $60,%r8d
    {0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8},                          // movabs $…,%rax
    {0x66, 0xb8, 1, 2},                                            // mov $…,%ax
    {0x66, 0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8},                    // the same; REX.W wins over 66
    {0x0f, 0x05},                                                  // syscall
    {0xf4},                                                        // hlt
    {0x48, 0x3d, 0x00, 0xf0, 0xff, 0xff},                          // cmp $-4096,%rax
    {0x77, 0x10},                                                  // ja
    {0x0f, 0x87, 1, 2, 3, 4},                                      // ja, far
    {0xe8, 1, 2, 3, 4},                                            // call
    {0xeb, 0x12},                                                  // jmp
    {0x4c, 0x8b, 0x05, 0xf9, 0xe9, 0x0f, 0x00},                    // mov 0xfe9f9(%rip),%r8
    {0x0f, 0x1f, 0x84, 0x00, 0, 0, 0, 0},                          // nopl 0x0(%rax,%rax,1)
    {0x66, 0x2e, 0x0f, 0x1f, 0x84, 0x00, 0, 0, 0, 0},              // cs nopw 0x0(%rax,%rax,1)
    {0x64, 0x48, 0x8b, 0x04, 0x25, 0x28, 0, 0, 0},                 // mov %fs:0x28,%rax
    {0xc7, 0x44, 0x24, 0x0c, 1, 2, 3, 4},                          // movl $…,0xc(%rsp)
    {0x66, 0xc7, 0x44, 0x24, 0x0c, 1, 2},                          // movw $…,0xc(%rsp)
    {0xf6, 0xc1, 0x01},                                            // test $1,%cl
    {0xf6, 0xd1},                                                  // not %cl
    {0xf7, 0xc1, 1, 2, 3, 4},                                      // test $…,%ecx
    {0xf7, 0xf9},                                                  // idiv %ecx
    {0x48, 0xa1, 1, 2, 3, 4, 5, 6, 7, 8},                          // movabs …,%rax
    {0x66, 0x0f, 0x38, 0x17, 0xc0},                                // ptest %xmm0,%xmm0
    {0x66, 0x0f, 0x3a, 0x0f, 0xc1, 0x08},                          // palignr $8,%xmm1,%xmm0
    {0xf3, 0x0f, 0x1e, 0xfa},                                      // endbr64
    {0xf0, 0x48, 0x0f, 0xb1, 0x17},                                // lock cmpxchg %rdx,(%rdi)
    {0xc8, 0x10, 0x00, 0x00},                                      // enter
};

void lengths() {
  for (auto code : kInstructions) {
    const size_t length = code.size();
    CHECK(instruction_length(code) == length);
    // Whatever follows changes nothing, whatever is missing makes it none.
    for (size_t cut = 0; cut < length; ++cut) CHECK(instruction_length({code.data(), cut}) == 0);
    for (uint8_t more : {0x00, 0x0f, 0xff}) code.push_back(more);
    CHECK(instruction_length(code) == length);
  }
}

void unknown() {
  for (const Code& code : {Code{0xc5, 0xf8, 0x77}, Code{0xc4, 0xe2, 0x79, 0x58, 0xc0}, Code{0x62, 0xf1, 0x7c, 0x48, 0x28, 0xc0}, Code{0x06}, Code{0x0f, 0x0a}, Code{}})
    CHECK(instruction_length(code) == 0);
}

void never_reads_beyond() {
  check::Random random(7);
  for (int i = 0; i < 200'000; ++i) {
    Code code(random.below(16));
    for (auto& byte : code) byte = static_cast<uint8_t>(random.next());
    CHECK(instruction_length(code) <= code.size());
  }
}

}  // namespace

int main() { return check::run({{"instruction lengths", lengths}, {"no length for what is unknown", unknown}, {"random bytes", never_reads_beyond}}); }
