// POSIX message queues that the program has open: the messages in them. They can only be read by taking them out, so
// each look at a queue that holds any takes them all and sends them again.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "resources/descriptors.h"
#include "util/warning.h"

namespace rollpoint::resources {

struct MessageQueue {
  /// Priority and text, in the order in which they will be received.
  std::vector<std::pair<unsigned, std::string>> messages;
  bool known = true;     // false: could not be read without disturbing the program
  bool notifies = false; // somebody waits for the next message in an empty queue (mq_notify(3))
  bool named = true;
};

/// By device and inode.
using MessageQueues = std::map<std::pair<dev_t, ino_t>, MessageQueue>;

MessageQueues read_message_queues(const DescriptorTable& descriptors, util::Warnings& warnings);
/// What a rollback to `wanted` would not bring back. Changes nothing.
util::Warnings foresee_message_queues(const DescriptorTable& descriptors, const MessageQueues& wanted);
/// What could not be put back. Descriptors are in place.
util::Warnings restore_message_queues(const DescriptorTable& descriptors, const MessageQueues& wanted);
std::vector<std::string> compare_message_queues(const DescriptorTable& descriptors, const MessageQueues& wanted);

}  // namespace rollpoint::resources
