// SPDX-License-Identifier: Apache-2.0
//
// What the debug text of CPython's garbage collector (gc.set_debug) says: its collections in the
// order in which they began, and the objects that it names. What the text does not say is absent,
// never 0. Filled by readers/gc_log_reader.h.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace memwhy::model {

// Which CPythons write text of this form.
enum class GcTextForm : unsigned char {
  kUnknown,
  k27,            // "gc: done, ... elapsed." with a full stop
  k34To36,        // without it, and no line about the permanent generation
  k37,            // "gc: done, 0.0000s elapsed" where nothing was found
  k37OrLater,     // nothing in the text that tells 3.7 from later
  k38OrLater,     // "gc: done, 0 unreachable, 0 uncollectable, ..."
  k314Unfinished  // 3.14.0 to 3.14.4: no "gc: done"
};

// As documents spell it; "" for kUnknown.
constexpr const char* GcTextFormName(GcTextForm form) {
  switch (form) {
    case GcTextForm::kUnknown:
      return "";
    case GcTextForm::k27:
      return "2.7";
    case GcTextForm::k34To36:
      return "3.4-3.6";
    case GcTextForm::k37:
      return "3.7";
    case GcTextForm::k37OrLater:
      return "3.7+";
    case GcTextForm::k38OrLater:
      return "3.8+";
    case GcTextForm::k314Unfinished:
      return "3.14.0-3.14.4";
  }
  return "";
}

struct GcCollection {
  std::uint64_t number = 0;  // counts from 1 in the order of the text; the cut ones count too
  std::uint32_t writer = 0;  // of GcLog::writers
  GcTextForm form = GcTextForm::kUnknown;
  bool is_ambiguous = false;  // writers were interleaved: its lines may be another collection's
  bool is_shutdown = false;   // of the interpreter's exit
  std::optional<std::uint8_t> generation;  // 0 to 2; nullopt: its first line is not in the text
  // Objects in the generations when it began; young and two old spaces where it is incremental.
  std::optional<std::array<std::uint64_t, 3>> before;
  std::optional<std::uint64_t> permanent;
  std::optional<std::uint64_t> collected;
  std::optional<std::uint64_t> uncollectable;
  std::optional<double> seconds;
};

// Lines with one prefix: a process or a thread, as far as a prefix tells them apart.
struct GcWriter {
  std::string prefix;                // without what is a time; "" without a prefix
  bool is_incremental = false;       // the collector of 3.14.0 to 3.14.4, by its text or its habits
  std::optional<double> first_time;  // seconds since 1970, of its first and last gc line
  std::optional<double> last_time;
};

// An object line. Views live as long as the call that hands it over.
struct GcObject {
  std::uint64_t address = 0;
  std::string_view type;  // "" where too many types had been seen
  bool is_collectable = true;
  std::optional<std::uint64_t> collection;  // its number; nullopt where that cannot be told
};

struct GcType {
  std::string name;
  std::uint64_t collectable = 0;
  std::uint64_t uncollectable = 0;
};

struct GcLog {
  std::vector<GcWriter> writers;
  std::vector<GcCollection> collections;
  std::vector<GcType> types;  // in the order of their first line; those cut are 0
  std::uint64_t collectable_objects = 0;
  std::uint64_t uncollectable_objects = 0;
  std::uint64_t lines = 0;        // of the whole text
  std::uint64_t other_lines = 0;  // with nothing of the collector on them
  std::uint64_t unparsed = 0;     // pieces that look like its text and could not be understood
  std::uint64_t shutdown_collections = 0;  // of the exit, also where they are kept
  std::uint64_t shutdown_objects = 0;
  std::optional<std::uint64_t> uncollectable_at_shutdown;  // gc.garbage when the interpreter ended
};

}  // namespace memwhy::model
