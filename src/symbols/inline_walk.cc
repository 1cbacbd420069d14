// SPDX-License-Identifier: Apache-2.0
#include "symbols/inline_walk.h"

#include <dwarf.h>

#include <algorithm>
#include <string>
#include <unordered_map>

#include "symbols/demangle.h"

namespace memwhy::symbols {
namespace {

constexpr int kMaxDepth = 128;
constexpr int kMaxRanges = 1 << 20;  // of one entry

// A half-open range of indices of addresses.
struct Hits {
  std::size_t begin = 0;
  std::size_t end = 0;
};

struct Scopes {
  Dwarf_Off function = 0;        // of the subprogram that holds the address; 0: none yet
  std::vector<Dwarf_Die> chain;  // the subprogram, then inlined calls inwards
};

class UnitWalk {
 public:
  UnitWalk(Dwarf_Die unit, std::span<const std::uint64_t> addresses, std::vector<Scopes>* scopes)
      : unit_(unit), addresses_(addresses), scopes_(*scopes) {}

  // Which addresses the entry covers. False: it has no ranges at all.
  bool HitsOf(Dwarf_Die* die, std::vector<Hits>* hits) const {
    hits->clear();
    Dwarf_Addr base = 0;
    Dwarf_Addr begin = 0;
    Dwarf_Addr end = 0;
    ptrdiff_t next = 0;
    bool has_any = false;
    for (int i = 0; i < kMaxRanges; ++i) {
      next = dwarf_ranges(die, next, &base, &begin, &end);
      if (next <= 0) break;
      has_any = true;
      const auto first = std::lower_bound(addresses_.begin(), addresses_.end(), begin);
      const auto last = std::lower_bound(first, addresses_.end(), end);
      if (first != last) {
        hits->push_back({static_cast<std::size_t>(first - addresses_.begin()),
                         static_cast<std::size_t>(last - addresses_.begin())});
      }
    }
    return has_any;
  }

  // Functions at the unit's own level and in namespaces; with `is_deep` also inside of functions
  // and classes (methods of local classes, nested functions).
  void Functions(bool is_deep) { Descend(&unit_, 0, is_deep, 0); }

 private:
  void Descend(Dwarf_Die* parent, Dwarf_Off function, bool is_deep, int depth) {
    Dwarf_Die child;
    if (depth > kMaxDepth || dwarf_child(parent, &child) != 0) return;
    for (Dwarf_Off before = dwarf_dieoffset(parent);;) {
      const Dwarf_Off offset = dwarf_dieoffset(&child);
      if (offset <= before) return;  // damaged: an entry that leads back
      before = offset;
      Visit(&child, function, is_deep, depth);
      Dwarf_Die sibling;
      if (dwarf_siblingof(&child, &sibling) != 0) return;
      child = sibling;
    }
  }

  void Visit(Dwarf_Die* die, Dwarf_Off function, bool is_deep, int depth) {
    std::vector<Hits> hits;
    switch (dwarf_tag(die)) {
      case DW_TAG_subprogram: {
        HitsOf(die, &hits);
        const Dwarf_Off offset = dwarf_dieoffset(die);
        if (Claim(die, offset, hits))
          Descend(die, offset, is_deep, depth + 1);
        else if (is_deep)
          Descend(die, 0, true, depth + 1);
        return;
      }
      case DW_TAG_inlined_subroutine:
        if (function == 0 && !is_deep) return;
        HitsOf(die, &hits);
        if (Add(die, function, hits) || is_deep) Descend(die, function, is_deep, depth + 1);
        return;
      case DW_TAG_lexical_block:
      case DW_TAG_try_block:
      case DW_TAG_catch_block:
        // A block's ranges are not asked: what matters has ranges of its own.
        if (function != 0 || is_deep) Descend(die, function, is_deep, depth + 1);
        return;
      case DW_TAG_namespace:
      case DW_TAG_module:
        Descend(die, 0, is_deep, depth + 1);
        return;
      case DW_TAG_class_type:
      case DW_TAG_structure_type:
      case DW_TAG_union_type:
        if (is_deep) Descend(die, 0, true, depth + 1);
        return;
      default:
        return;
    }
  }

  // Addresses that no function has yet. Several entries have one range where the linker has folded
  // equal functions: the first one is taken.
  bool Claim(Dwarf_Die* die, Dwarf_Off offset, const std::vector<Hits>& hits) {
    bool has_claimed = false;
    for (const Hits& one : hits) {
      for (std::size_t i = one.begin; i < one.end; ++i) {
        if (scopes_[i].function != 0) continue;
        scopes_[i].function = offset;
        scopes_[i].chain.push_back(*die);
        has_claimed = true;
      }
    }
    return has_claimed;
  }

  bool Add(Dwarf_Die* die, Dwarf_Off function, const std::vector<Hits>& hits) {
    bool has_added = false;
    for (const Hits& one : hits) {
      for (std::size_t i = one.begin; i < one.end; ++i) {
        if (function == 0 || scopes_[i].function != function) continue;
        if (scopes_[i].chain.size() >= kMaxDepth) continue;
        scopes_[i].chain.push_back(*die);
        has_added = true;
      }
    }
    return has_added;
  }

  Dwarf_Die unit_;
  std::span<const std::uint64_t> addresses_;
  std::vector<Scopes>& scopes_;
};

class Names {
 public:
  const std::string& Of(Dwarf_Die* die) {
    const auto [at, is_new] = names_.try_emplace(die->addr);
    if (!is_new) return at->second;
    Dwarf_Attribute attribute;
    const char* name = nullptr;
    if (dwarf_attr_integrate(die, DW_AT_linkage_name, &attribute) != nullptr ||
        dwarf_attr_integrate(die, DW_AT_MIPS_linkage_name, &attribute) != nullptr) {
      name = dwarf_formstring(&attribute);
    }
    if (name == nullptr) name = dwarf_diename(die);
    if (name != nullptr) at->second = Demangle(name);
    return at->second;
  }

 private:
  std::unordered_map<const void*, std::string> names_;
};

int LineOf(Dwarf_Word line) { return line > 0x7fffffff ? 0 : static_cast<int>(line); }

// Where an inlined function was called.
void CallSite(Dwarf_Die* die, Dwarf_Files* files, Location* location) {
  Dwarf_Attribute attribute;
  Dwarf_Word number = 0;
  if (dwarf_attr(die, DW_AT_call_line, &attribute) != nullptr &&
      dwarf_formudata(&attribute, &number) == 0) {
    location->line = LineOf(number);
  }
  if (files != nullptr && dwarf_attr(die, DW_AT_call_file, &attribute) != nullptr &&
      dwarf_formudata(&attribute, &number) == 0) {
    const char* file = dwarf_filesrc(files, number, nullptr, nullptr);
    if (file != nullptr) location->file = file;
  }
}

Locations Describe(Dwarf_Die* unit, std::uint64_t address, std::vector<Dwarf_Die>& chain,
                   Dwarf_Files* files, Names* names) {
  Locations locations;
  Location leaf;
  if (Dwarf_Line* line = dwarf_getsrc_die(unit, address); line != nullptr) {
    int number = 0;
    if (dwarf_lineno(line, &number) == 0 && number > 0) leaf.line = number;
    const char* file = dwarf_linesrc(line, nullptr, nullptr);
    if (file != nullptr) leaf.file = file;
  }
  if (chain.empty()) {
    if (leaf.line != 0) locations.push_back(std::move(leaf));
    return locations;
  }
  for (std::size_t i = chain.size(); i-- > 0;) {
    leaf.function = names->Of(&chain[i]);
    leaf.is_inlined = i != 0;
    locations.push_back(leaf);
    leaf = {};
    if (i != 0) CallSite(&chain[i], files, &leaf);
  }
  return locations;
}

// The addresses of one unit, given as indices.
void AnswerUnit(Dwarf_Die unit, std::span<const std::uint64_t> addresses,
                const std::vector<std::size_t>& mine, std::vector<Locations>* answers) {
  std::vector<std::uint64_t> here;
  here.reserve(mine.size());
  for (const std::size_t i : mine) here.push_back(addresses[i]);
  std::vector<Scopes> scopes(here.size());
  UnitWalk walk(unit, here, &scopes);
  walk.Functions(/*is_deep=*/false);
  const auto is_open = [](const Scopes& one) { return one.function == 0; };
  if (std::any_of(scopes.begin(), scopes.end(), is_open)) {
    std::vector<std::uint64_t> open;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < here.size(); ++i) {
      if (!is_open(scopes[i])) continue;
      open.push_back(here[i]);
      places.push_back(i);
    }
    std::vector<Scopes> more(open.size());
    UnitWalk deep(unit, open, &more);
    deep.Functions(/*is_deep=*/true);
    for (std::size_t i = 0; i < places.size(); ++i) scopes[places[i]] = std::move(more[i]);
  }
  Dwarf_Files* files = nullptr;
  std::size_t count = 0;
  if (dwarf_getsrcfiles(&unit, &files, &count) != 0) files = nullptr;
  Names names;
  for (std::size_t i = 0; i < mine.size(); ++i) {
    Locations found = Describe(&unit, here[i], scopes[i].chain, files, &names);
    if (!found.empty()) (*answers)[mine[i]] = std::move(found);
  }
}

}  // namespace

std::vector<Locations> WalkInlines(Dwarf* dwarf, std::span<const std::uint64_t> addresses) {
  std::vector<Locations> answers(addresses.size());
  Dwarf_CU* unit = nullptr;
  Dwarf_Die die;
  Dwarf_Die split;
  std::uint8_t type = 0;
  while (dwarf_get_units(dwarf, unit, &unit, nullptr, &type, &die, &split) == 0) {
    if (type == DW_UT_type || type == DW_UT_split_type || type == DW_UT_partial) continue;
    std::vector<Scopes> none;
    std::vector<Hits> hits;
    UnitWalk ranges(die, addresses, &none);
    const bool has_ranges = ranges.HitsOf(&die, &hits);
    if (!has_ranges) hits = {{0, addresses.size()}};
    std::vector<std::size_t> mine;
    for (const Hits& one : hits) {
      for (std::size_t i = one.begin; i < one.end; ++i) {
        if (answers[i].empty()) mine.push_back(i);
      }
    }
    std::sort(mine.begin(), mine.end());
    mine.erase(std::unique(mine.begin(), mine.end()), mine.end());
    if (mine.empty()) continue;
    const bool is_split = type == DW_UT_skeleton && dwarf_tag(&split) != DW_TAG_invalid;
    AnswerUnit(is_split ? split : die, addresses, mine, &answers);
  }
  return answers;
}

}  // namespace memwhy::symbols
