// SPDX-License-Identifier: Apache-2.0
//
// Walks a heap dump's stream (wire/heap_dump.h) record by record. The input is hostile: each number
// is checked, nothing is allocated for what the bytes do not hold, and the walk ends at the first
// thing that cannot be, with the reason. Records may be cut anywhere between two chunks of input.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "base/result.h"
#include "model/heap/dump_records.h"
#include "wire/heap_dump.h"
#include "wire/varint.h"

namespace memwhy::model {

// Where the bytes of a dump come from; read twice.
class DumpSource {
 public:
  virtual ~DumpSource() = default;
  virtual Result<void> Rewind() = 0;
  // The next bytes, valid until the next call; empty at the end.
  virtual Result<std::span<const std::uint8_t>> Next() = 0;
};

template <typename Visitor>
class DumpDecoder {
 public:
  DumpDecoder(DumpSource& source, Visitor& visitor) : source_(source), visitor_(visitor) {}
  DumpDecoder(const DumpDecoder&) = delete;
  DumpDecoder& operator=(const DumpDecoder&) = delete;

  // Ends at kEnd, at the input's end, or at damage. An error: the source's, or no dump at all.
  Result<void> Run() {
    MEMWHY_TRY_VOID(source_.Rewind());
    std::uint8_t magic[8];
    for (std::uint8_t& byte : magic) {
      if (!Byte(&byte)) return End("a heap dump's stream is empty");
    }
    if (std::memcmp(magic, wire::kDumpMagic, 8) != 0) return Error("not a heap dump's stream");
    if (!Number(&version_) || version_ < kOldestVersion || version_ > wire::kDumpVersion) {
      return Error("a heap dump's stream of another version (" + std::to_string(version_) +
                   "; this memwhy reads 1 to 3)");
    }
    if constexpr (requires { visitor_.OnRecord(tag_, tag_); }) {
      std::uint64_t begin = Position();
      while (!is_whole_ && Record()) {
        const std::uint64_t end = Position();
        visitor_.OnRecord(tag_, end - begin);
        begin = end;
      }
    } else {
      while (!is_whole_ && Record()) {
      }
    }
    if (failure_) return std::move(*failure_);
    if (!is_whole_ && damage_.empty()) damage_ = "the dump ends before its end record";
    return {};
  }
  // "" when the dump is whole.
  const std::string& damage() const { return damage_; }
  // Of the stream, after Run; 0: it has none.
  std::uint64_t version() const { return version_; }

 private:
  static constexpr std::uint64_t kOldestVersion = 1;
  static_assert(wire::kDumpVersion == 3);  // Run's message names it
  // Of all lanes together.
  static constexpr std::uint64_t kMaxTypes = 1u << 20;
  static constexpr std::uint64_t kMaxShapes = 1u << 28;

  struct KnownType {
    std::uint32_t id = 0;  // the visitor's
    std::uint8_t flags = 0;
  };
  struct Lane {
    std::uint64_t last = 0;  // what the next address is told against
    // By the lane's ids.
    std::vector<KnownType> types;
    std::vector<std::uint32_t> shapes;        // the visitor's ids
    std::vector<std::uint32_t> native_types;  // likewise
    std::uint64_t list = wire::kListUnknown;  // the last one told
    std::string file;                         // likewise
  };
  using TypeKey = std::tuple<std::uint64_t, std::uint64_t, std::uint64_t>;  // address, flags, bytes
  // By which lane a type was defined first.
  struct FirstType {
    std::uint32_t id = 0;  // the visitor's
    const Lane* lane = nullptr;
  };

  Result<void> End(const char* why) {
    if (failure_) return std::move(*failure_);
    return Error(why);
  }
  bool Damaged(const char* what) {
    if (damage_.empty() && !failure_) damage_ = what;
    return false;
  }
  bool Refill() {
    if (failure_ || is_at_end_) return false;
    auto next = source_.Next();
    if (!next) {
      failure_ = next.error();
      return false;
    }
    if (next->empty()) {
      is_at_end_ = true;
      return false;
    }
    before_ += static_cast<std::uint64_t>(end_ - begin_);
    begin_ = at_ = next->data();
    end_ = at_ + next->size();
    return true;
  }
  // Bytes of the stream that were read.
  std::uint64_t Position() const { return before_ + static_cast<std::uint64_t>(at_ - begin_); }
  bool Byte(std::uint8_t* value) {
    if (at_ == end_ && !Refill()) return false;
    *value = *at_++;
    return true;
  }
  bool Number(std::uint64_t* value) {
    if (end_ - at_ >= wire::kMaxVarintBytes) {
      const std::uint8_t* next = wire::GetVarint(at_, end_, value);
      if (next == nullptr) return Damaged("a number does not fit 64 bits");
      at_ = next;
      return true;
    }
    std::uint64_t result = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      std::uint8_t byte = 0;
      if (!Byte(&byte)) return false;
      if (shift == 63 && byte > 1) return Damaged("a number does not fit 64 bits");
      result |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) {
        *value = result;
        return true;
      }
    }
    return Damaged("a number does not fit 64 bits");
  }
  bool Address(std::uint64_t* value) {
    std::uint64_t raw = 0;
    if (!Number(&raw)) return false;
    lane_->last += static_cast<std::uint64_t>(wire::UnZigZag(raw)) << 3;
    *value = lane_->last;
    return true;
  }
  bool Text(std::string* text) {
    std::uint64_t bytes = 0;
    if (!Number(&bytes)) return false;
    if (bytes > wire::kMaxKeyBytes) return Damaged("a name is longer than any may be");
    text->resize(static_cast<std::size_t>(bytes));
    for (char& c : *text) {
      std::uint8_t byte = 0;
      if (!Byte(&byte)) return false;
      c = static_cast<char>(byte);
    }
    return true;
  }
  bool Edges(std::uint64_t from, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
      std::uint64_t raw = 0;
      if (!Number(&raw)) return false;
      if (raw != 0) from += static_cast<std::uint64_t>(wire::UnZigZag(raw - 1)) << 3;
      visitor_.OnEdge(raw == 0 ? 0 : from);
    }
    return true;
  }
  bool EdgeHead(std::uint64_t* edges, std::uint32_t* shape) {
    std::uint64_t head = 0;
    if (!Number(&head)) return false;
    *edges = head >> 1;
    *shape = 0xffffffff;
    if ((head & 1) != 0) {
      std::uint64_t id = 0;
      if (!Number(&id)) return false;
      if (id >= lane_->shapes.size()) {
        return Damaged("an object names a shape that was not defined");
      }
      *shape = lane_->shapes[id];
    }
    return true;
  }
  bool Record() {
    std::uint64_t tag = 0;
    if (!Number(&tag)) return false;
    tag_ = tag;
    if (tag >= wire::kFirstType) return Object(tag - wire::kFirstType);
    switch (static_cast<wire::DumpTag>(tag)) {
      case wire::DumpTag::kType:
        return Type();
      case wire::DumpTag::kShape:
        return Shape();
      case wire::DumpTag::kText: {
        std::uint64_t address = 0;
        if (!Address(&address) || !Text(&text_)) return false;
        visitor_.OnText(address, text_);
        return true;
      }
      case wire::DumpTag::kNumber: {
        std::uint64_t address = 0;
        std::uint64_t value = 0;
        if (!Address(&address) || !Number(&value)) return false;
        visitor_.OnNumber(address, wire::UnZigZag(value));
        return true;
      }
      case wire::DumpTag::kList: {
        std::uint64_t list = 0;
        if (!Number(&list)) return false;
        if (list > wire::kListUnknown) return Damaged("a list of the collector that cannot be");
        lane_->list = list;
        TellList();
        return true;
      }
      case wire::DumpTag::kRoot:
        return Root();
      case wire::DumpTag::kWeak: {
        std::uint64_t source = 0;
        std::uint64_t delta = 0;
        if (!Address(&source) || !Number(&delta)) return false;
        visitor_.OnWeak(source, source + (static_cast<std::uint64_t>(wire::UnZigZag(delta)) << 3));
        return true;
      }
      case wire::DumpTag::kBuffer: {
        DumpBuffer buffer;
        std::uint8_t kind = 0;
        if (!Address(&buffer.address) || !Number(&buffer.bytes) || !Byte(&kind)) return false;
        if (kind > static_cast<std::uint8_t>(wire::BufferKind::kDevice)) {
          return Damaged("a buffer of a kind that this memwhy does not know");
        }
        buffer.kind = static_cast<wire::BufferKind>(kind);
        if (buffer.kind == wire::BufferKind::kDevice &&
            (!Byte(&buffer.device.type) || !Byte(&buffer.device.index))) {
          return false;
        }
        visitor_.OnBuffer(buffer);
        return true;
      }
      case wire::DumpTag::kNativeType: {
        if (!Text(&text_)) return false;
        if (native_types_ >= kMaxTypes) return Damaged("more native types than there may be");
        lane_->native_types.push_back(++native_types_);
        visitor_.OnNativeType(text_);
        return true;
      }
      case wire::DumpTag::kBlock:
        return Block();
      case wire::DumpTag::kOwn: {
        std::uint64_t owner = 0;
        std::uint64_t delta = 0;
        if (!Address(&owner) || !Number(&delta)) return false;
        visitor_.OnOwn(owner, owner + (static_cast<std::uint64_t>(wire::UnZigZag(delta)) << 3));
        return true;
      }
      case wire::DumpTag::kSkipped: {
        std::uint8_t why = 0;
        std::uint64_t address = 0;
        if (!Byte(&why) || !Address(&address)) return false;
        visitor_.OnSkipped(static_cast<wire::SkipReason>(why), address);
        return true;
      }
      case wire::DumpTag::kCollector: {
        std::uint8_t is_enabled = 0;
        std::uint64_t lists = 0;
        if (!Byte(&is_enabled) || !Number(&lists)) return false;
        if (lists > 8) return Damaged("a collector of more lists than there may be");
        DumpCollector collector;
        collector.is_enabled = is_enabled != 0;
        for (std::uint64_t i = 0; i < lists; ++i) {
          std::uint64_t threshold = 0;
          std::uint64_t count = 0;
          if (!Number(&threshold) || !Number(&count)) return false;
          collector.lists.emplace_back(threshold, count);
        }
        visitor_.OnCollector(collector);
        return true;
      }
      case wire::DumpTag::kFile:
        return Text(&lane_->file);
      case wire::DumpTag::kThread: {
        std::uint64_t thread = 0;
        if (!Number(&thread) || !Text(&text_)) return false;
        visitor_.OnThread(thread, text_);
        return true;
      }
      case wire::DumpTag::kTypeTotal:
        return TypeTotal();
      case wire::DumpTag::kPair:
        return Pair();
      case wire::DumpTag::kLane:
        return SwitchLane();
      case wire::DumpTag::kTorch:
        return Torch();
      case wire::DumpTag::kEnd: {
        DumpTotals totals;
        if (!Number(&totals.objects) || !Number(&totals.edges) || !Number(&totals.skipped)) {
          return false;
        }
        is_whole_ = true;
        visitor_.OnEnd(totals);
        return true;
      }
      default:
        return UnknownRecord();
    }
  }
  bool UnknownRecord() { return Damaged("a record of a kind that this memwhy does not know"); }
  bool SwitchLane() {
    if (version_ < 2) return UnknownRecord();
    std::uint64_t lane = 0;
    if (!Number(&lane)) return false;
    if (lane >= lanes_.size()) return Damaged("a lane that cannot be");
    lane_ = &lanes_[lane];
    if (lane_->list != told_list_) TellList();
    return true;
  }
  void TellList() {
    told_list_ = lane_->list;
    visitor_.OnList(told_list_);
  }
  bool Type() {
    std::uint64_t flags = 0;
    std::uint64_t bytes = 0;
    std::uint64_t address = 0;
    if (!Text(&text_) || !Number(&flags) || !Number(&bytes) || !Address(&address)) return false;
    if (defined_types_ >= kMaxTypes) return Damaged("more types than there may be");
    ++defined_types_;
    const auto [first, is_first] =
        first_types_.try_emplace({address, flags, bytes}, FirstType{types_, lane_});
    const bool is_new = is_first || first->second.lane == lane_;
    lane_->types.push_back(
        {is_new ? types_ : first->second.id, static_cast<std::uint8_t>(flags & 0xff)});
    if (!is_new) return true;
    ++types_;
    visitor_.OnType(text_, flags, bytes, address);
    return true;
  }
  bool Shape() {
    std::uint8_t rest = 0;
    std::uint64_t count = 0;
    if (!Byte(&rest) || !Number(&count)) return false;
    if (rest > static_cast<std::uint8_t>(wire::ShapeRest::kPairs)) {
      return Damaged("a shape of a kind that this memwhy does not know");
    }
    if (shapes_ >= kMaxShapes) return Damaged("more shapes than there may be");
    std::vector<DumpLabel> labels;
    for (std::uint64_t i = 0; i < count; ++i) {
      std::uint8_t kind = 0;
      DumpLabel label;
      if (!Byte(&kind) || !Text(&label.text)) return false;
      if (kind > static_cast<std::uint8_t>(wire::EdgeKind::kInternal)) {
        return Damaged("a label of a kind that this memwhy does not know");
      }
      label.kind = static_cast<wire::EdgeKind>(kind);
      labels.push_back(std::move(label));
    }
    lane_->shapes.push_back(shapes_++);
    visitor_.OnShape(static_cast<wire::ShapeRest>(rest), std::move(labels));
    return true;
  }
  bool Block() {
    DumpBlock block;
    std::uint64_t type = 0;
    std::uint32_t shape = 0;
    if (!Address(&block.address) || !Number(&block.bytes) || !Number(&type) ||
        !EdgeHead(&block.edges, &shape)) {
      return false;
    }
    if (type > lane_->native_types.size()) {
      return Damaged("a block of a native type that was not defined");
    }
    block.native_type = type == 0 ? 0 : lane_->native_types[type - 1];
    visitor_.OnBlock(block);
    return Edges(block.address, block.edges);
  }
  bool Words(std::vector<std::uint64_t>* words) {
    std::uint64_t count = 0;
    if (!Number(&count)) return false;
    if (count > wire::kMaxTorchWords) return Damaged("a tensor of more words than there may be");
    words->resize(static_cast<std::size_t>(count));
    for (std::uint64_t& word : *words) {
      if (!Number(&word)) return false;
    }
    return true;
  }
  bool TorchFacts() {
    if (torch_.kind == wire::TorchKind::kTensor) {
      std::uint64_t version = 0;
      std::uint8_t is_view = 0;
      if (!Words(&torch_.words) || !Words(&torch_.autograd) || !Number(&version) ||
          !Words(&torch_.sizes) || !Byte(&is_view)) {
        return false;
      }
      torch_.version.reset();
      if (version != 0) torch_.version = static_cast<std::uint32_t>(version - 1);
      torch_.is_view = is_view != 0;
    } else if (torch_.kind == wire::TorchKind::kStorage) {
      std::uint8_t is_owned = 0;
      std::uint8_t is_reached = 0;
      if (!Number(&torch_.data) || !Number(&torch_.data_bytes) || !Byte(&torch_.device.type) ||
          !Byte(&torch_.device.index) || !Byte(&is_owned) || !Byte(&is_reached)) {
        return false;
      }
      torch_.is_owned = is_owned != 0;
      torch_.is_reached = is_reached != 0;
    }
    return true;
  }
  bool Torch() {
    if (version_ < 3) return UnknownRecord();
    std::uint8_t kind = 0;
    std::uint64_t type = 0;
    if (!Byte(&kind) || !Address(&torch_.address) || !Number(&torch_.bytes) || !Number(&type)) {
      return false;
    }
    if (kind > static_cast<std::uint8_t>(wire::TorchKind::kHook)) {
      return Damaged("an object of torch of a kind that this memwhy does not know");
    }
    if (type > lane_->native_types.size()) {
      return Damaged("an object of torch of a native type that was not defined");
    }
    torch_.kind = static_cast<wire::TorchKind>(kind);
    torch_.native_type = type == 0 ? 0 : lane_->native_types[type - 1];
    if (!TorchFacts() || !EdgeHead(&torch_.edges, &torch_.shape)) return false;
    visitor_.OnTorch(torch_);
    return Edges(torch_.address, torch_.edges);
  }
  bool TypeTotal() {
    DumpTypeTotal total;
    std::uint64_t type = 0;
    if (!Number(&type) || !Number(&total.objects) || !Number(&total.bytes)) return false;
    if (type >= lane_->types.size()) return Damaged("a total of a type that was not defined");
    total.type = lane_->types[type].id;
    visitor_.OnTypeTotal(total);
    return true;
  }
  bool Pair() {
    DumpPair pair;
    std::uint64_t referrer = 0;
    std::uint64_t referent = 0;
    if (!Number(&referrer) || !Number(&referent) || !Number(&pair.references)) return false;
    const auto is_defined = [this](std::uint64_t type) {
      return type >= wire::kFirstType && type - wire::kFirstType < lane_->types.size();
    };
    if (referrer <= static_cast<std::uint64_t>(wire::DumpRoot::kGreenlet)) {
      pair.root = static_cast<wire::DumpRoot>(referrer);
    } else if (is_defined(referrer)) {
      pair.referrer = lane_->types[referrer - wire::kFirstType].id;
    } else {
      return Damaged("references of a type that was not defined");
    }
    if (is_defined(referent)) {
      pair.referent = lane_->types[referent - wire::kFirstType].id;
    } else if (referent != wire::kNoReferent) {
      return Damaged("references to a type that was not defined");
    }
    visitor_.OnPair(pair);
    return true;
  }
  bool Root() {
    std::uint8_t kind = 0;
    std::uint8_t counts = 0;
    DumpRootRecord root;
    if (!Byte(&kind) || !Byte(&counts) || !Number(&root.thread) || !Number(&root.line) ||
        !Text(&text_) || !EdgeHead(&root.edges, &root.shape)) {
      return false;
    }
    if (kind > static_cast<std::uint8_t>(wire::DumpRoot::kGreenlet)) {
      return Damaged("a root of a kind that this memwhy does not know");
    }
    root.kind = static_cast<wire::DumpRoot>(kind);
    root.counts = static_cast<wire::RootCounts>(counts);
    root.name = text_;
    if (wire::IsFrameRoot(root.kind) || root.kind == wire::DumpRoot::kStack) {
      root.file = lane_->file;
    }
    visitor_.OnRoot(root);
    return Edges(lane_->last, root.edges);
  }
  bool Object(std::uint64_t type) {
    if (type >= lane_->types.size()) return Damaged("an object of a type that was not defined");
    const auto [id, flags] = lane_->types[type];
    DumpObject object;
    object.type = id;
    std::uint64_t count = 0;
    if (!Address(&object.address)) return false;
    if ((flags & wire::kTypeHasExtra) != 0 && !Number(&object.extra_bytes)) return false;
    if (!Number(&count)) return false;
    object.references = count >> 1;
    object.is_tracked = (count & 1) != 0;
    if ((flags & wire::kTypeIsLeaf) == 0 && !EdgeHead(&object.edges, &object.shape)) return false;
    visitor_.OnObject(object);
    return Edges(object.address, object.edges);
  }

  DumpSource& source_;
  Visitor& visitor_;
  const std::uint8_t* begin_ = nullptr;  // of the bytes at hand
  const std::uint8_t* at_ = nullptr;
  const std::uint8_t* end_ = nullptr;
  std::uint64_t before_ = 0;  // bytes of the stream before them
  std::uint64_t tag_ = 0;     // of the record that is read
  std::uint64_t version_ = 0;
  std::array<Lane, wire::kMaxLanes> lanes_;
  Lane* lane_ = &lanes_[0];  // whose records these are
  std::uint64_t told_list_ = wire::kListUnknown;
  std::map<TypeKey, FirstType> first_types_;
  std::uint64_t defined_types_ = 0;  // by all lanes
  // Told to the visitor.
  std::uint32_t types_ = 0;
  std::uint32_t shapes_ = 0;
  std::uint32_t native_types_ = 0;
  std::string text_;
  DumpTorch torch_;  // its vectors are used again
  std::string damage_;
  std::optional<Error> failure_;
  bool is_at_end_ = false;
  bool is_whole_ = false;
};

}  // namespace memwhy::model
