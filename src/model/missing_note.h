// SPDX-License-Identifier: Apache-2.0
//
// Notes of a session that say what of the program is not in it: a session with one is not complete.
// "missing: process 4711 (python3): not recorded: its C library is not glibc".
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace memwhy::model {

inline constexpr std::string_view kMissingNote = "missing: ";

// Of a heap dump that was wanted, with the reason; such a session may be complete.
inline constexpr std::string_view kNoDumpNote = "no heap dump: ";

inline bool IsMissingNote(std::string_view note) {
  return note.substr(0, kMissingNote.size()) == kMissingNote;
}

inline bool HasMissingNote(const std::vector<std::string>& notes) {
  return std::any_of(notes.begin(), notes.end(),
                     [](const std::string& note) { return IsMissingNote(note); });
}

}  // namespace memwhy::model
