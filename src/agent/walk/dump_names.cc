// SPDX-License-Identifier: Apache-2.0
#include "agent/walk/dump_names.h"

#include <cstring>

#include "agent/ground/agent.h"
#include "agent/ground/redaction.h"
#include "agent/objects/object_size.h"
#include "agent/python/dict_table.h"
#include "agent/python/key_text.h"

namespace memwhy::agent {
namespace {

using cpython::Address;
using cpython::Peek;
using cpython::PeekPointer;
using wire::DumpTag;
using wire::ShapeRest;

std::uint64_t Mix(std::uint64_t hash, std::uint64_t value) noexcept {
  hash = (hash ^ value) * 0x9e3779b97f4a7c15ull;
  return hash ^ (hash >> 29);
}

std::uint32_t OffsetOf(const cpython::Reference* list, const char* name) noexcept {
  for (; list->name != nullptr; ++list) {
    if (std::strcmp(list->name, name) == 0) return list->offset;
  }
  return cpython::kAbsent;
}

}  // namespace

DumpNames::DumpNames(DumpStream& out, WalkState& state) noexcept
    : out_(out),
      state_(state),
      closure_at_(OffsetOf(TheLayout().function_references, "func_closure")),
      code_at_(OffsetOf(TheLayout().function_references, "func_code")),
      free_names_at_(TheLayout().minor >= 11
                         ? TheLayout().code_locals_names
                         : OffsetOf(TheLayout().code_references, "co_freevars")) {}

void DumpNames::PutLabel(const EdgeLabel& label) noexcept {
  if (label.str != 0) {
    int n = -1;
    if (state_.types.IsObject(label.str) &&
        (Peek<std::uint64_t>(cpython::TypeOf(label.str), cpython::kTypeFlags) &
         cpython::kFlagStr) != 0) {
      n = cpython::PeekText(TheLayout(), label.str, text_, sizeof(text_));
    }
    out_.PutText(text_, n <= 0 ? 0 : CutText(text_, static_cast<std::size_t>(n)));
    return;
  }
  const std::size_t n = label.text == nullptr ? 0 : strnlen(label.text, wire::kMaxKeyBytes);
  out_.PutText(label.text == nullptr ? "" : label.text, n);
}

void DumpNames::PutShapes() noexcept {
  for (const ShapeRest rest : {ShapeRest::kPairs, ShapeRest::kIndexed}) {
    out_.PutTag(DumpTag::kShape);
    out_.PutByte(static_cast<std::uint8_t>(rest));
    out_.PutNumber(0);
  }
}

void PutType(DumpStream& out, const DumpType& facts, const char* name, std::size_t bytes) noexcept {
  out.PutTag(DumpTag::kType);
  out.PutText(name, bytes);
  std::uint32_t flags = 0;
  if (HasExtraBytes(facts)) flags |= wire::kTypeHasExtra;
  if (facts.kind == ObjectKind::kLeaf) flags |= wire::kTypeIsLeaf;
  if (facts.is_owned) flags |= wire::kTypeIsOwned;
  if (PeekPointer(facts.type, cpython::kTypeDel) != 0) flags |= wire::kTypeHasDel;
  out.PutNumber(flags);
  out.PutNumber(static_cast<std::uint64_t>(facts.fixed_bytes));
  out.PutAddress(facts.type);
}

// A frame, generator or function says what it is called.
void DumpNames::PutFunction(const DumpType& facts, Address object) noexcept {
  const cpython::Layout& layout = TheLayout();
  Address code = 0;
  if (facts.kind == ObjectKind::kCode) {
    code = object;
  } else if (facts.kind == ObjectKind::kFrame || facts.kind == ObjectKind::kGenerator) {
    code = state_.reader.CodeOf(facts, object);
  }
  if (code == 0 || !state_.types.IsObject(code) || cpython::TypeOf(code) != g_python_api.code_type)
    return;
  const bool qualified = layout.code_qualname != cpython::kAbsent;
  const Address name = PeekPointer(code, qualified ? layout.code_qualname : layout.code_name);
  if (name == 0 || !state_.types.IsObject(name)) return;
  const int n = cpython::PeekText(layout, name, text_, sizeof(text_));
  if (n <= 0) return;
  out_.PutTag(DumpTag::kText);
  out_.PutAddress(object);
  out_.PutText(text_, CutText(text_, static_cast<std::size_t>(n)));
}

// Where the function of the frame whose root comes next stands.
void DumpNames::PutFile(Address code) noexcept {
  const cpython::Layout& layout = TheLayout();
  const Address name = PeekPointer(code, layout.code_filename);
  int n = 0;
  if (name != 0 && state_.types.IsObject(name))
    n = cpython::PeekText(layout, name, text_, sizeof(text_));
  out_.PutTag(DumpTag::kFile);
  out_.PutText(text_, n > 0 ? static_cast<std::size_t>(n) : 0);
}

void DumpNames::PutThread(std::uint64_t thread, Address name) noexcept {
  constexpr char kMain[] = "MainThread";  // as threading calls it
  int n = sizeof(kMain) - 1;
  if (name == 0) {
    std::memcpy(text_, kMain, sizeof(kMain));
  } else {
    n = cpython::PeekText(TheLayout(), name, text_, sizeof(text_));
  }
  if (n <= 0) return;
  out_.PutTag(DumpTag::kThread);
  out_.PutNumber(thread);
  if (g_redaction.in_dump && name != 0)
    return PutToken("thread", text_, static_cast<std::size_t>(n));
  out_.PutText(text_, CutText(text_, static_cast<std::size_t>(n)));
}

void DumpNames::PutToken(const char* kind, const void* text, std::size_t bytes) noexcept {
  char token[wire::kMaxTokenBytes];
  out_.PutText(token, wire::PutToken(g_redaction.key, kind, text, bytes, token));
}

void DumpNames::PutAttributeKeys(Address dict) noexcept {
  if (dict == 0 || !state_.types.IsObject(dict)) return;
  const DumpType* facts = state_.types.Get(cpython::TypeOf(dict));
  if (facts == nullptr || facts->kind != ObjectKind::kDict) return;
  const DictTable table = FindTable(dict);
  const std::uint32_t key_at = table.entry_bytes == 24 ? 8 : 0;
  for (std::int64_t i = 0; i < table.count; ++i) {
    const Address entry = table.entries + static_cast<Address>(i) * table.entry_bytes;
    const Address key = PeekPointer(entry, key_at);
    if (key == 0) continue;
    bool is_new = false;
    attributes_.Find(Mix(1, key), &is_new);
    if (!is_new) continue;
    state_.at = key;
    const DumpType* type = state_.types.Get(cpython::TypeOf(key));
    if (type == nullptr || type->size != ObjectSize::kStr) continue;
    const int n = cpython::PeekText(TheLayout(), key, text_, sizeof(text_));
    if (n < 0) continue;
    out_.PutTag(DumpTag::kText);
    out_.PutAddress(key);
    out_.PutText(text_, CutText(text_, static_cast<std::size_t>(n)));
  }
}

// co_freevars up to 3.10; from 3.11 on the last of co_localsplusnames.
void DumpNames::PutFreeNames(Address function) noexcept {
  constexpr std::int64_t kMaxNames = 64;
  const cpython::Layout& layout = TheLayout();
  if (closure_at_ == cpython::kAbsent || code_at_ == cpython::kAbsent ||
      free_names_at_ == cpython::kAbsent) {
    return;
  }
  const Address closure = PeekPointer(function, closure_at_);
  const Address code = PeekPointer(function, code_at_);
  if (closure == 0 || code == 0) return;
  const Address names = PeekPointer(code, free_names_at_);
  if (names == 0 || !state_.types.IsObject(names)) return;
  const auto cells = Peek<std::int64_t>(closure, cpython::kVarSize);
  const auto count = Peek<std::int64_t>(names, cpython::kVarSize);
  if (cells <= 0 || cells > kMaxNames || count < cells || count > 1 << 16) return;
  for (std::int64_t i = count - cells; i < count; ++i) {
    const Address name = PeekPointer(names + layout.tuple_items + static_cast<Address>(i) * 8, 0);
    if (name == 0) continue;
    state_.at = name;
    PutKey(name);
  }
}

void DumpNames::PutKey(Address key) noexcept {
  DumpType* facts = state_.types.Get(cpython::TypeOf(key));
  if (facts == nullptr) return;
  Address text = 0;
  if (facts->size == ObjectSize::kStr) {
    text = key;
  } else if (facts->is_context_variable) {
    text = PeekPointer(key, cpython::kContextVarName);
  } else if (facts->size != ObjectSize::kInt) {
    return;
  }
  if (!state_.marks.Name(key)) return;
  if (text != 0) {
    const int n = cpython::PeekText(TheLayout(), text, text_, sizeof(text_));
    if (n < 0) return;
    out_.PutTag(DumpTag::kText);
    out_.PutAddress(key);
    if (g_redaction.in_dump) {
      return PutToken(facts->is_context_variable ? "name" : "str", text_,
                      static_cast<std::size_t>(n));
    }
    out_.PutText(text_, CutText(text_, static_cast<std::size_t>(n)));
    return;
  }
  std::int64_t value = 0;
  if (!PeekSmallInt(key, &value)) return;
  if (g_redaction.in_dump) {
    out_.PutTag(DumpTag::kText);
    out_.PutAddress(key);
    return PutToken("int", &value, sizeof(value));
  }
  out_.PutTag(DumpTag::kNumber);
  out_.PutAddress(key);
  out_.PutSigned(value);
}

// The process stands still: an address
// stands for its text.
std::uint32_t DumpNames::ShapeOf(const EdgeList& edges) noexcept {
  if (edges.label_count() == 0) {
    if (edges.rest == ShapeRest::kPairs) return kShapePairs;
    if (edges.rest == ShapeRest::kIndexed) return kShapeIndexed;
  }
  std::uint64_t hash = Mix(edges.label_count() + 1, static_cast<std::uint64_t>(edges.rest));
  for (std::size_t i = 0; i < edges.label_count(); ++i) {
    const EdgeLabel& label = edges.label(i);
    hash = Mix(hash, static_cast<std::uint64_t>(label.kind));
    hash = Mix(hash, label.str != 0 ? label.str : reinterpret_cast<std::uint64_t>(label.text));
  }
  bool is_new = false;
  const std::uint32_t id = kFirstLabelled + shapes_.Find(hash, &is_new);
  if (!is_new) return id;
  out_.PutTag(DumpTag::kShape);
  out_.PutByte(static_cast<std::uint8_t>(edges.rest));
  out_.PutNumber(edges.label_count());
  for (std::size_t i = 0; i < edges.label_count(); ++i) {
    out_.Reserve();
    out_.PutByte(static_cast<std::uint8_t>(edges.label(i).kind));
    PutLabel(edges.label(i));
  }
  return id;
}

}  // namespace memwhy::agent
