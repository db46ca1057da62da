// What a socket has received and nobody has read: looked at, taken out, sent again. Knows nothing of whose it is.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace rollpoint::resources {

struct Message {
  std::string bytes;
  std::string from;  // sockaddr of the sender, of datagrams
  bool operator==(const Message&) const = default;
};

using Queue = std::vector<Message>;

/// Bytes of a stream are one message. Nothing where the queue cannot be read without loss, or holds descriptors.
std::optional<Queue> peek_queue(int fd, bool stream);
void drain_queue(int fd, bool stream);
/// The whole message, or false; `to` is empty where the sender is connected.
bool send_message(int fd, const Message& message, bool stream, const std::string& to);

}  // namespace rollpoint::resources
