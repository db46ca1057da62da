// Makes a process of the debuggee run and stop, all threads together: resume, wait, sort out what each stop means. One
// process is in focus, the one that the debugger shows; any other that has such a control runs in the background.
// Knows nothing of snapshots beyond one question: may this thread end, or is it to be parked?
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "resources/file_calls.h"
#include "snapshot/relay_sites.h"
#include "supervisor/breakpoints.h"
#include "supervisor/kin.h"
#include "tracee/process.h"

namespace rollpoint::supervisor {

enum class StopReason { kSignal, kBreakpoint, kHardwareBreakpoint, kWatchpoint, kStep, kInterrupt, kExec, kExit, kRevived, kFollowed };

struct Stop {
  StopReason reason = StopReason::kSignal;
  pid_t tid = 0;
  int signal = 0;
  uint64_t address = 0;                           // kWatchpoint
  BreakpointKind access = BreakpointKind::kWrite; // kWatchpoint
  std::string executable;                         // kExec; kFollowed, where that is another program than the one before
  int code = 0;                                   // kExit: the exit code that the program is about to end with
  bool fatal = false;                             // kSignal: delivered, it ends the program
};

struct End {
  bool killed = false;
  int code = 0;  // exit code, or signal where killed
};

struct ResumeAction {
  pid_t tid = -1;  // -1: all that no earlier action names
  tracee::RunMode mode = tracee::RunMode::kContinue;
  int signal = 0;
  uint64_t start = 0, end = 0;
};

class RunControl {
 public:
  struct Callbacks {
    std::function<void(const Stop&)> stopped;
    std::function<void(const End&)> ended;
    std::function<void()> exec_done;  // before `stopped`: the old address space is gone
    /// Thread stands at its exit system call. True: it was parked and stays.
    std::function<bool(tracee::Tracee&)> park_at_exit;
    /// Thread stands before a call that may change files.
    std::function<void(tracee::Tracee&, const resources::CallArguments&)> before_file_call;
    /// The program is about to end by itself. True: that is to be told as a stop (`kExit`) first.
    std::function<bool()> hold_at_exit;
    /// It is about to end, in the background. True: it stands there until it comes into focus, which somebody is told.
    std::function<bool()> waits_at_end;
    /// Places where it does, for when it goes into the background.
    std::function<std::vector<uint64_t>()> end_sites;
    /// Where it does: every system call is seen before it is made.
    std::function<bool()> watches_calls;
    std::function<void(tracee::Tracee&, uint64_t number)> at_call;
    /// Its program has made way for another. True: it goes on under another control, and this one has ended.
    std::function<bool()> goes_on_elsewhere;
    std::function<void(std::string)> log;
  };

  RunControl(tracee::Process& process, Kin& kin, Callbacks callbacks) : process_(process), kin_(kin), callbacks_(std::move(callbacks)) {}

  Breakpoints& breakpoints() { return breakpoints_; }
  /// Among the hidden breakpoints, those at calls of a function that makes any system call.
  void set_relays(snapshot::RelaySites relays) { relays_ = std::move(relays); }
  bool running() const { return running_; }
  bool ended() const { return ended_; }
  /// When it ended.
  bool was_running() const { return was_running_; }
  void log(std::string message) const { callbacks_.log(std::move(message)); }

  void resume(const std::vector<ResumeAction>& actions);
  /// Stops a running debuggee and reports it; nothing when it is stopped. Where no thread can stop, since each waits for a
  /// child that has borrowed its memory (vfork), that happens once one is back.
  void interrupt();
  /// A status of a thread of this process, or of one that turns out to be.
  void handle(pid_t tid, int status);
  /// After a rollback: stops that were not yet told belong to another present. `tid`: the thread that the snapshot was
  /// taken at; where it stands at the end of the program, the user has been told of that.
  void forget_pending(pid_t tid);
  /// Lets go of every thread, with nothing of ours left in memory or debug registers.
  void detach();

  /// In the background nothing is told: signals are delivered, and the debugger's breakpoints are another process's.
  bool in_background() const { return background_; }
  void enter_background();
  /// Stopped or running as before, and told from here on. `pending`: what its threads have stopped for becomes a stop.
  void enter_focus(bool running);
  /// In the background, as of Kin.
  void halt();
  size_t outstanding();
  void halted();
  void go_on_in_background();
  /// Running, in focus: every process is stopped, and this is told.
  void stop_for(const Stop& stop) { report(stop); }
  /// Stopped: told at the next resume, whatever that is to run.
  void owe(const Stop& stop) { owed_ = stop; }
  /// The first thing that a new control is told: its process stands at the exec event.
  void arrive_in_new_program(tracee::Tracee& tracee);
  /// Another control has its process now.
  void retire();
  /// It had ended, and another process has taken its place, stopped, in the background.
  void stand_again();

 private:
  void handle_stop(tracee::Tracee& tracee, int status);
  void handle_new_task(pid_t parent, int event);
  void adopt_thread(pid_t tid, std::optional<int> first_stop);
  void handle_trap(tracee::Tracee& tracee);
  void handle_exec(tracee::Tracee& tracee);
  void handle_gone(pid_t tid, int status);
  bool at_exit_site(tracee::Tracee& tracee);
  bool ends_program(tracee::Tracee& tracee);
  int exit_code(tracee::Tracee& tracee);
  void leave_for_good(tracee::Tracee& tracee);
  void wait_at_end(tracee::Tracee& tracee, bool is_exit);
  void undo_moved_exit(tracee::Tracee& tracee);
  bool detour(tracee::Tracee& tracee);
  bool at_file_call(tracee::Tracee& tracee);
  void leave_stub(tracee::Tracee& tracee);
  void call_relay(tracee::Tracee& tracee, const snapshot::RelaySite& site);
  bool steps_alone();
  void run_stopped_threads();
  void pass_in_background(tracee::Tracee& tracee, const Stop& stop);
  void note_call(tracee::Tracee& tracee);
  void go_on(tracee::Tracee& tracee, int signal = 0);
  void report(const Stop& stop);
  void tell(Stop stop);
  void stop_all();
  void absorb(tracee::Tracee& tracee, int status);
  std::optional<Stop> classify_trap(tracee::Tracee& tracee);

  tracee::Process& process_;
  Kin& kin_;
  Callbacks callbacks_;
  Breakpoints breakpoints_;
  std::map<uint64_t, uint64_t> stubs_;  // call site → number of its stub
  snapshot::RelaySites relays_;
  bool running_ = false, ended_ = false, stopping_ = false, background_ = false;
  bool interrupt_wanted_ = false;
  bool at_end_ = false;                 // in the background: stands until it comes into focus
  bool was_running_ = false;            // when it ended
  std::optional<Stop> owed_;            // told at the next resume, whatever that is to run
  std::map<pid_t, Stop> pending_;       // stops of other threads, told at the next resume
};

}  // namespace rollpoint::supervisor
