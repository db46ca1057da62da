// What we keep of the program's open files while it runs, so that those which it closes come back: the file, to be opened
// anew, or a duplicate where that would be another one. Knows single descriptors; tables are for descriptors.h.
#pragma once

#include <memory>

#include "resources/descriptors.h"

namespace rollpoint::resources {

/// A standard stream that the program shares with us (a server started from a shell): moving its offset would rewind our
/// own output too.
bool is_ours(const tracee::Process& process, int number);
/// `earlier`: what was open at the number at the parent snapshot, whose own is shared. Null: nothing may be kept.
std::shared_ptr<HeldFile> hold(const tracee::Process& process, int number, const Descriptor& descriptor, const Descriptor* earlier);
/// Whether the duplicate is of what is open at `number`.
bool holds_description(const tracee::Process& process, int number, const HeldFile& held);
/// Opens a pinned file anew, where its offset was. Empty, with errno, where that cannot be.
util::UniqueFd reopen_pinned(const Descriptor& wanted);
/// Whether `number` is open on that file in the same way: what differs can be set.
bool is_alike_pinned(const tracee::Process& process, int number, const Descriptor& wanted);

}  // namespace rollpoint::resources
