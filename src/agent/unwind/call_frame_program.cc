// SPDX-License-Identifier: Apache-2.0
#include "agent/unwind/call_frame_program.h"

#include "agent/unwind/byte_reader.h"

namespace memwhy::agent {
namespace {

// Registers of x86-64 in DWARF's numbers.
constexpr std::uint64_t kRbp = 6;
constexpr std::uint64_t kRsp = 7;
constexpr std::uint64_t kReturnAddress = 16;

constexpr std::uint8_t kAbsolutePointer = 0x00;
constexpr std::uint8_t kOmitted = 0xff;
constexpr std::uint8_t kPcRelative = 0x10;
constexpr std::uint8_t kDataRelative = 0x30;
constexpr std::uint8_t kIndirect = 0x80;

constexpr int kMaxRemembered = 16;

// Of DWARF's expressions.
constexpr std::uint8_t kDeref = 0x06;
constexpr std::uint8_t kPlusConstant = 0x23;
constexpr std::uint8_t kRegisterRbp = 0x76;  // DW_OP_breg6, then its offset
constexpr std::uint8_t kRegisterRsp = 0x77;

// A register as the caller has it.
struct Saved {
  enum class Kind : std::uint8_t { kSame, kAtCfa, kAtFrame, kUndefined, kOther };
  Kind kind = Kind::kSame;
  std::int64_t offset = 0;  // of kAtCfa, kAtFrame
};

struct Row {
  std::uint64_t cfa_register = kRsp;
  std::int64_t cfa_offset = 8;
  TableBytes expression{};  // instead of both, where begin is not null
  Saved rbp;
  Saved return_address{Saved::Kind::kAtCfa, -8};
};

// CFA = rsp + 8 + 8 where the low four bits of pc are at least a limit: what linkers write of a
// procedure linkage table. 0: it is something else.
int ReadPltLimit(TableBytes expression) noexcept {
  const std::uint8_t* e = expression.begin;
  const bool is_plt = expression.end - e == 11 && e[0] == 0x77 && e[1] == 8 && e[2] == 0x80 &&
                      e[3] == 0 && e[4] == 0x3f && e[5] == 0x1a && e[6] >= 0x30 && e[6] <= 0x3f &&
                      e[7] == 0x2a && e[8] == 0x33 && e[9] == 0x24 && e[10] == 0x22;
  return is_plt ? e[6] - 0x30 : 0;
}

// *(rsp or rbp + offset) + more: stacks that a function aligns for itself.
bool ReadDerefCfa(TableBytes expression, FrameRule* rule) noexcept {
  ByteReader in{expression.begin, expression.end};
  const auto base = in.Take<std::uint8_t>();
  if (base != kRegisterRbp && base != kRegisterRsp) return false;
  const std::int64_t offset = in.Signed();
  if (in.Take<std::uint8_t>() != kDeref) return false;
  std::int64_t more = 0;
  if (in.left() != 0) {
    if (in.Take<std::uint8_t>() != kPlusConstant) return false;
    more = static_cast<std::int64_t>(in.Unsigned());
  }
  if (in.is_bad || in.left() != 0 || offset != static_cast<std::int16_t>(offset) || more < 0 ||
      more > 0x7fff) {
    return false;
  }
  rule->base = base == kRegisterRbp ? FrameRule::Base::kFrameDeref : FrameRule::Base::kStackDeref;
  rule->cfa_offset = static_cast<std::int32_t>(more << 16 | (offset & 0xffff));
  return true;
}

class RowMachine {
 public:
  RowMachine(const FrameEntryOfTable& entry, std::uintptr_t pc) noexcept
      : entry_(entry), pc_(pc), location_(entry.begin) {}

  bool Run(Row* row) noexcept {
    if (!Execute(entry_.initial)) return false;
    initial_ = row_;
    location_ = entry_.begin;
    is_past_ = false;
    if (!Execute(entry_.program)) return false;
    *row = row_;
    return true;
  }

 private:
  void Advance(std::uint64_t units) noexcept {
    std::uint64_t bytes = 0;
    if (__builtin_mul_overflow(units, entry_.code_unit, &bytes) ||
        __builtin_add_overflow(location_, bytes, &location_)) {
      location_ = ~std::uintptr_t{0};
    }
    is_past_ = location_ > pc_;
  }

  Saved* Of(std::uint64_t number) noexcept {
    if (number == kRbp) return &row_.rbp;
    return number == kReturnAddress ? &row_.return_address : nullptr;
  }
  void Set(std::uint64_t number, Saved::Kind kind, std::int64_t offset = 0) noexcept {
    if (Saved* saved = Of(number)) *saved = {kind, offset};
  }
  void Restore(std::uint64_t number) noexcept {
    if (number == kRbp) row_.rbp = initial_.rbp;
    if (number == kReturnAddress) row_.return_address = initial_.return_address;
  }
  std::int64_t Scaled(std::int64_t offset) const noexcept {
    std::int64_t scaled = 0;
    // Far from any stack: the walk cuts there.
    return __builtin_mul_overflow(offset, entry_.data_unit, &scaled) ? 1 : scaled;
  }
  static TableBytes Block(ByteReader& in) noexcept {
    const std::uint64_t length = in.Unsigned();
    const std::uint8_t* begin = in.at;
    in.Skip(length);
    return {begin, in.at};
  }
  void SetExpression(std::uint64_t number, TableBytes block) noexcept {
    ByteReader in{block.begin, block.end};
    const bool is_by_rbp = in.Take<std::uint8_t>() == kRegisterRbp;
    const std::int64_t offset = in.Signed();
    const bool is_plain = is_by_rbp && !in.is_bad && in.left() == 0;
    Set(number, is_plain ? Saved::Kind::kAtFrame : Saved::Kind::kOther, offset);
  }

  bool Execute(TableBytes bytes) noexcept;
  bool ExecuteOther(std::uint8_t code, ByteReader& in) noexcept;

  const FrameEntryOfTable& entry_;
  const std::uintptr_t pc_;
  std::uintptr_t location_;
  bool is_past_ = false;
  Row row_;
  Row initial_;
  Row remembered_[kMaxRemembered];
  int remembered_count_ = 0;
};

bool RowMachine::Execute(TableBytes bytes) noexcept {
  ByteReader in{bytes.begin, bytes.end};
  while (!is_past_ && !in.is_bad && in.left() != 0) {
    const auto code = in.Take<std::uint8_t>();
    const std::uint64_t low = code & 0x3f;
    switch (code >> 6) {
      case 1:
        Advance(low);
        break;
      case 2:
        Set(low, Saved::Kind::kAtCfa, Scaled(static_cast<std::int64_t>(in.Unsigned())));
        break;
      case 3:
        Restore(low);
        break;
      default:
        if (!ExecuteOther(code, in)) return false;
    }
  }
  return !in.is_bad;
}

bool RowMachine::ExecuteOther(std::uint8_t code, ByteReader& in) noexcept {
  switch (code) {
    case 0x00:  // nop
      return true;
    case 0x01:  // set_loc
      location_ = ReadEncoded(in, entry_.encoding, 0);
      is_past_ = location_ > pc_;
      return true;
    case 0x02:
      Advance(in.Take<std::uint8_t>());
      return true;
    case 0x03:
      Advance(in.Take<std::uint16_t>());
      return true;
    case 0x04:
      Advance(in.Take<std::uint32_t>());
      return true;
    case 0x05: {  // offset_extended
      const std::uint64_t number = in.Unsigned();
      Set(number, Saved::Kind::kAtCfa, Scaled(static_cast<std::int64_t>(in.Unsigned())));
      return true;
    }
    case 0x06:
      Restore(in.Unsigned());
      return true;
    case 0x07:
      Set(in.Unsigned(), Saved::Kind::kUndefined);
      return true;
    case 0x08:
      Set(in.Unsigned(), Saved::Kind::kSame);
      return true;
    case 0x09: {  // register
      const std::uint64_t number = in.Unsigned();
      in.Unsigned();
      Set(number, Saved::Kind::kOther);
      return true;
    }
    case 0x0a:
      if (remembered_count_ == kMaxRemembered) return false;
      remembered_[remembered_count_++] = row_;
      return true;
    case 0x0b:
      if (remembered_count_ == 0) return false;
      row_ = remembered_[--remembered_count_];
      return true;
    case 0x0c:  // def_cfa
      row_.cfa_register = in.Unsigned();
      row_.cfa_offset = static_cast<std::int64_t>(in.Unsigned());
      row_.expression = {};
      return true;
    case 0x0d:
      row_.cfa_register = in.Unsigned();
      row_.expression = {};
      return true;
    case 0x0e:
      row_.cfa_offset = static_cast<std::int64_t>(in.Unsigned());
      return true;
    case 0x0f:
      row_.expression = Block(in);
      return true;
    case 0x10: {  // expression
      const std::uint64_t number = in.Unsigned();
      SetExpression(number, Block(in));
      return true;
    }
    case 0x11: {  // offset_extended_sf
      const std::uint64_t number = in.Unsigned();
      Set(number, Saved::Kind::kAtCfa, Scaled(in.Signed()));
      return true;
    }
    case 0x12:  // def_cfa_sf
      row_.cfa_register = in.Unsigned();
      row_.cfa_offset = Scaled(in.Signed());
      row_.expression = {};
      return true;
    case 0x13:
      row_.cfa_offset = Scaled(in.Signed());
      return true;
    case 0x14:    // val_offset
    case 0x15: {  // val_offset_sf
      const std::uint64_t number = in.Unsigned();
      in.Unsigned();
      Set(number, Saved::Kind::kOther);
      return true;
    }
    case 0x16: {  // val_expression
      const std::uint64_t number = in.Unsigned();
      Block(in);
      Set(number, Saved::Kind::kOther);
      return true;
    }
    case 0x2e:  // GNU_args_size
      in.Unsigned();
      return true;
    default:
      return false;
  }
}

bool SetCfa(const Row& row, std::uintptr_t pc, FrameRule* rule) noexcept {
  std::int64_t offset = row.cfa_offset;
  if (row.expression.begin != nullptr) {
    const int limit = ReadPltLimit(row.expression);
    if (limit == 0) return ReadDerefCfa(row.expression, rule);
    rule->base = FrameRule::Base::kStack;
    offset = 8 + (static_cast<int>(pc & 15) >= limit ? 8 : 0);
  } else if (row.cfa_register == kRsp) {
    rule->base = FrameRule::Base::kStack;
  } else if (row.cfa_register == kRbp) {
    rule->base = FrameRule::Base::kFrame;
  } else {
    return false;
  }
  rule->cfa_offset = static_cast<std::int32_t>(offset);
  return rule->cfa_offset == offset;
}

void SetRbp(const Saved& saved, FrameRule* rule) noexcept {
  const std::int64_t slot = saved.offset / 8;
  const bool fits = saved.offset % 8 == 0 && slot == static_cast<std::int16_t>(slot);
  switch (saved.kind) {
    case Saved::Kind::kSame:
      rule->rbp = FrameRule::Saved::kSame;
      return;
    case Saved::Kind::kAtCfa:
    case Saved::Kind::kAtFrame:
      rule->rbp = !fits                               ? FrameRule::Saved::kUnknown
                  : saved.kind == Saved::Kind::kAtCfa ? FrameRule::Saved::kAtCfa
                                                      : FrameRule::Saved::kAtFrame;
      rule->slot = fits ? static_cast<std::int16_t>(slot) : std::int16_t{0};
      return;
    default:
      rule->rbp = FrameRule::Saved::kUnknown;
  }
}

// The length of an entry, and a reader of what follows, cut to it.
bool OpenEntry(TableBytes bytes, const std::uint8_t* at, ByteReader* in) noexcept {
  if (at < bytes.begin || at >= bytes.end) return false;
  *in = {at, bytes.end};
  std::uint64_t length = in->Take<std::uint32_t>();
  if (length == 0xffffffff) length = in->Take<std::uint64_t>();
  if (in->is_bad || length == 0 || length > in->left()) return false;
  in->end = in->at + length;
  return true;
}

}  // namespace

std::uintptr_t ReadEncoded(ByteReader& in, std::uint8_t encoding, std::uintptr_t data) noexcept {
  const auto place = reinterpret_cast<std::uintptr_t>(in.at);
  std::uint64_t value = 0;
  switch (encoding & 0x0f) {
    case 0x00:
    case 0x04:
    case 0x0c:
      value = in.Take<std::uint64_t>();
      break;
    case 0x01:
      value = in.Unsigned();
      break;
    case 0x02:
      value = in.Take<std::uint16_t>();
      break;
    case 0x03:
      value = in.Take<std::uint32_t>();
      break;
    case 0x09:
      value = static_cast<std::uint64_t>(in.Signed());
      break;
    case 0x0a:
      value = static_cast<std::uint64_t>(std::int64_t{in.Take<std::int16_t>()});
      break;
    case 0x0b:
      value = static_cast<std::uint64_t>(std::int64_t{in.Take<std::int32_t>()});
      break;
    default:
      in.is_bad = true;
  }
  switch (encoding & 0x70) {
    case kAbsolutePointer:
      break;
    case kPcRelative:
      value += place;
      break;
    case kDataRelative:
      value += data;
      break;
    default:
      in.is_bad = true;
  }
  if ((encoding & kIndirect) != 0) in.is_bad = true;
  return value;
}

bool ReadFrameEntry(TableBytes bytes, const std::uint8_t* at, FrameEntryOfTable* entry) noexcept {
  ByteReader in{};
  if (!OpenEntry(bytes, at, &in)) return false;
  const std::uint8_t* const offset_at = in.at;
  const auto offset = in.Take<std::uint32_t>();
  if (in.is_bad || offset == 0 || offset > static_cast<std::size_t>(offset_at - bytes.begin)) {
    return false;  // 0: a CIE
  }
  ByteReader cie{};
  if (!OpenEntry(bytes, offset_at - offset, &cie) || cie.Take<std::uint32_t>() != 0) return false;
  const auto version = cie.Take<std::uint8_t>();
  const std::uint8_t* augmentation = cie.at;
  while (!cie.is_bad && cie.Take<std::uint8_t>() != 0) {
  }
  if (cie.is_bad || (version != 1 && version != 3)) return false;
  entry->code_unit = cie.Unsigned();
  entry->data_unit = cie.Signed();
  const std::uint64_t return_register = version == 1 ? cie.Take<std::uint8_t>() : cie.Unsigned();
  if (return_register != kReturnAddress) return false;
  entry->encoding = kAbsolutePointer;
  entry->is_signal = false;
  const bool has_length = *augmentation == 'z';
  if (!has_length && *augmentation != 0) return false;
  if (has_length) {
    const std::uint64_t length = cie.Unsigned();
    if (cie.is_bad || length > cie.left()) return false;
    const std::uint8_t* const after = cie.at + length;
    for (++augmentation; *augmentation != 0; ++augmentation) {
      if (*augmentation == 'R') {
        entry->encoding = cie.Take<std::uint8_t>();
      } else if (*augmentation == 'L') {
        cie.Take<std::uint8_t>();
      } else if (*augmentation == 'P') {
        const auto encoding = cie.Take<std::uint8_t>();
        // Where the personality is does not matter, only its length.
        ReadEncoded(cie, encoding & 0x0f, 0);
      } else if (*augmentation == 'S') {
        entry->is_signal = true;
      } else {
        return false;
      }
    }
    if (cie.is_bad || cie.at > after) return false;
    cie.at = after;
  }
  entry->initial = {cie.at, cie.end};
  if (entry->encoding == kOmitted) return false;
  entry->begin = ReadEncoded(in, entry->encoding, 0);
  const std::uint64_t length = ReadEncoded(in, entry->encoding & 0x0f, 0);
  if (has_length) in.Skip(in.Unsigned());
  if (in.is_bad || __builtin_add_overflow(entry->begin, length, &entry->end)) return false;
  entry->program = {in.at, in.end};
  return true;
}

FrameRule RuleAt(const FrameEntryOfTable& entry, std::uintptr_t pc) noexcept {
  FrameRule rule;
  if (entry.is_signal) {
    rule.base = FrameRule::Base::kSignal;
    return rule;
  }
  Row row;
  if (pc < entry.begin || pc >= entry.end || !RowMachine(entry, pc).Run(&row)) return {};
  if (row.return_address.kind == Saved::Kind::kUndefined) {
    rule.base = FrameRule::Base::kEnd;
    return rule;
  }
  const bool is_usual =
      row.return_address.kind == Saved::Kind::kAtCfa && row.return_address.offset == -8;
  if (!is_usual || !SetCfa(row, pc, &rule)) return {};
  SetRbp(row.rbp, &rule);
  return rule;
}

}  // namespace memwhy::agent
