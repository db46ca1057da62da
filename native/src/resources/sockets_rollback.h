// One rollback's work on sockets, in three steps around the descriptor tables' own: what cannot become again what it was
// is made anew, contents and options are put back. Connections that lead out of the tree are left.
#pragma once

#include <unistd.h>

#include <chrono>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "resources/sockets.h"
#include "tracee/remote_syscalls.h"
#include "util/warning.h"

namespace rollpoint::resources {

/// Loopback delivers at once, though maybe on another processor.
template <class Done>
bool wait_until(Done done) {
  for (int tries = 0; tries < 400; ++tries) {
    if (done()) return true;
    usleep(500);
  }
  return done();
}

class SocketsRollback {
 public:
  /// Takes hold of the sockets that live, and makes anew what is beyond repair.
  SocketsRollback(Holders wanted, const Sockets& sockets);
  /// Empty where there is none to be had.
  util::UniqueFd recreate(const Descriptor& wanted);
  /// Contents, shutdown, options, flags; with the tables in place. Makes no remote call.
  util::Warnings finish();

 private:
  using Entry = Sockets::value_type;
  /// An end of a connection to be made; `identity` is null where nobody holds it.
  struct End {
    SharedIdentity identity;
    std::string local;
    const Socket* like;
  };

  bool usable(const Entry& entry) const;
  std::set<SharedIdentity> find_broken() const;
  bool has_its_applicants(const Entry& listener) const;
  void turn_away(const Entry& listener, int fd);
  void make_waiting(const Entry& entry);
  void close_surplus();
  void release(const std::set<SharedIdentity>& broken);
  tracee::Process& owner_of(const SharedIdentity& identity) const;
  void adopt(const SharedIdentity& identity, util::UniqueFd fd);
  void adopt(const End& end, const SharedIdentity& other, util::UniqueFd fd);

  util::UniqueFd make(const Entry& entry);
  bool bind_again(const Entry& entry, int fd);
  bool bind_in_program(const Entry& entry, int fd);
  bool connect_in_program(const Entry& client, int fd, const Socket& listener);
  void make_bound(const Entry& entry);
  void connect_datagrams(const Entry& entry);
  void make_connection(const Entry& entry);
  bool make_unix_by_name(const End& client, const End& server);
  void make_unix_pair(const Entry& entry);
  void make_tcp_pair(const Entry& entry);
  bool take_port(const Entry& maker, util::UniqueFd& fd, const std::string& local, bool for_connection);
  void end_lingering(const Entry& entry);
  bool connect_from(const Entry& maker, util::UniqueFd& fd, const std::string& local, const std::string& to);
  /// Of the program, standing at `address` with nobody waiting; empty where there is none.
  util::UniqueFd listener_at(const std::string& address, int family) const;

  /// False where one could not be set.
  bool restore_options(const Entry& entry, int fd);
  void tell_of_options(const Entry& entry);
  void restore_queue(const Entry& entry, int fd);
  void restore_filter_and_groups(const Entry& entry, int fd);
  void restore_shutdown(const Entry& entry, int fd);
  void restore_flags();
  bool send_from_elsewhere(const Entry& entry, const Message& message, const std::vector<int>& rights) const;
  std::vector<util::UniqueFd> rights_of(const Message& message);
  int sender_for(const Entry& entry, const Message& message) const;
  void tell(std::string message) { left_.push_back({"socket", std::move(message)}); }

  Holders holders_;
  const Sockets& sockets_;
  std::vector<StreamEnd> ends_;
  std::map<SharedIdentity, util::UniqueFd> live_;
  std::set<ino_t> ours_;  // inodes of all sockets of the program, of the snapshot or not
  std::map<SharedIdentity, util::UniqueFd> departed_;  // other ends of the widowed, for the moment
  std::chrono::steady_clock::time_point patience_{};   // until then a port may be waited for
  std::optional<Memberships> groups_;  // of the network, asked for once
  util::Warnings left_;
};

}  // namespace rollpoint::resources
