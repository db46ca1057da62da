// What the kernel tells about a task and its stop. Changes nothing.
#pragma once

#include <sys/types.h>

#include "tracee/process.h"

namespace rollpoint::supervisor {

bool is_thread_of(pid_t pid, pid_t tid);
bool is_zombie(pid_t pid);
bool share_memory(pid_t a, pid_t b);
/// PTRACE_GETEVENTMSG: the new task of a birth, the former id of an exec.
pid_t event_message(pid_t tid);
bool is_birth(int event);
/// At a system call, before or behind it (PTRACE_O_TRACESYSGOOD).
bool is_call_stop(int status);
/// A step from here makes a system call.
bool at_call_instruction(tracee::Process& process, tracee::Tracee& tracee);
bool is_before_call(pid_t tid);
bool is_breakpoint_code(const tracee::Tracee& tracee);
/// A breakpoint or step that the thread has met already, behind an interrupt.
bool has_pending_trap(pid_t tid);
bool was_sent_by_us(const tracee::Tracee& tracee, int signal);
/// Whether a signal that stands before its delivery ends the program.
bool is_fatal(const tracee::Process& process, int signal);

}  // namespace rollpoint::supervisor
