// SPDX-License-Identifier: Apache-2.0
#include "session/dump_file.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/regular_file.h"
#include "session/fact_text.h"

namespace memwhy::session {
namespace {

constexpr std::size_t kDumpBlockBytes = 256u << 10;
constexpr char kScanFact[] = "dump_holders";

// Of a fact that ScanFact made.
model::HolderScan ScanOf(const nlohmann::json& fact) {
  model::HolderScan scan;
  const auto holders = fact.find("holders");
  if (holders == fact.end() || !holders->is_array()) return scan;
  scan.was_done = true;
  if (const auto unread = fact.find("unread_mappings");
      unread != fact.end() && unread->is_number_unsigned()) {
    scan.unread_mappings = unread->get<std::uint64_t>();
  }
  for (const auto& entry : *holders) {
    if (!entry.is_array() || entry.size() < 4 || !entry[0].is_number_unsigned() ||
        !entry[1].is_number_unsigned() || !entry[2].is_number_unsigned() || !entry[3].is_array()) {
      continue;
    }
    model::HolderScan::Object object;
    object.address = entry[0].get<std::uint64_t>();
    object.words = entry[1].get<std::uint64_t>();
    object.static_words = entry[2].get<std::uint64_t>();
    for (const auto& place : entry[3]) {
      if (place.is_string()) object.places.push_back(place.get<std::string>());
    }
    // Later versions tell who holds what lies in native memory.
    if (entry.size() >= 7 && entry[4].is_number_unsigned() && entry[5].is_number_unsigned() &&
        entry[6].is_string()) {
      object.native_words = entry[4].get<std::uint64_t>();
      object.holder = entry[5].get<std::uint64_t>();
      object.holder_name = entry[6].get<std::string>();
    }
    scan.objects.push_back(std::move(object));
  }
  return scan;
}

// Whoever reads facts may rely on their kinds. Of a name that is not known nothing is kept.
bool IsKnownFact(std::string_view name, const nlohmann::json& value) {
  constexpr std::string_view kTexts[] = {"type", "python", "name", "method"};
  constexpr std::string_view kCounts[] = {"pid",          "taken_ns",        "start_ticks",
                                          "monotonic_ns", "predicted_bytes", "spared_bytes",
                                          "lanes",        "raw_bytes"};
  constexpr std::string_view kNumbers[] = {"predicted_ms", "pause_ms", "seconds"};
  const auto is_in = [&](const auto& names) {
    return std::ranges::find(names, name) != end(names);
  };
  using std::end;
  if (is_in(kTexts)) return value.is_string();
  if (is_in(kCounts)) return value.is_number_unsigned();
  if (is_in(kNumbers)) return value.is_number();
  return (name == "native" || name == "redacted") && value.is_boolean();
}

}  // namespace

Result<DumpWriter> DumpWriter::Create(const std::string& path) {
  MEMWHY_TRY(OutputFile file, OutputFile::Open(path));
  DumpWriter writer(std::move(file));
  DumpFileHeader header{};
  std::memcpy(header.magic, kDumpFileMagic, sizeof(header.magic));
  header.version = kDumpFileVersion;
  header.header_bytes = sizeof(header);
  MEMWHY_TRY_VOID(
      writer.WriteAll({reinterpret_cast<const std::uint8_t*>(&header), sizeof(header)}));
  return writer;
}

Result<void> DumpWriter::WriteAll(std::span<const std::uint8_t> bytes) {
  file_bytes_ += bytes.size();
  return file_.Write({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

Result<void> DumpWriter::WriteBlock(BlockKind kind, std::span<const std::uint8_t> raw) {
  return WriteAll(encoder_.Encode(kind, raw));
}

Result<void> DumpWriter::AddFact(const nlohmann::json& fact) {
  MEMWHY_TRY_VOID(Flush());
  const std::string text = fact.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return WriteBlock(BlockKind::kFact,
                    {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

Result<void> DumpWriter::AddBytes(std::span<const std::uint8_t> bytes) {
  raw_bytes_ += bytes.size();
  while (!bytes.empty()) {
    const std::size_t n = std::min(bytes.size(), kDumpBlockBytes - pending_.size());
    pending_.insert(pending_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
    bytes = bytes.subspan(n);
    if (pending_.size() == kDumpBlockBytes) {
      MEMWHY_TRY_VOID(WriteBlock(BlockKind::kDump, pending_));
      pending_.clear();
    }
  }
  return {};
}

Result<void> DumpWriter::Flush() {
  if (pending_.empty()) return {};
  MEMWHY_TRY_VOID(WriteBlock(BlockKind::kDump, pending_));
  pending_.clear();
  return {};
}

Result<void> DumpWriter::Finish() {
  MEMWHY_TRY_VOID(Flush());
  return file_.Finish();
}

Result<std::unique_ptr<DumpFile>> DumpFile::Open(const std::string& path) {
  MEMWHY_TRY(RegularFile opened,
             OpenRegular(path, "a heap dump (memwhy heap dump PID -o FILE makes one)"));
  std::unique_ptr<DumpFile> file(new DumpFile(std::move(opened.fd), opened.bytes));
  DumpFileHeader header{};
  if (!file->ReadAt(0, &header, sizeof(header)) ||
      std::memcmp(header.magic, kDumpFileMagic, sizeof(header.magic)) != 0) {
    return Error::Of("{} is not a heap dump of memwhy (memwhy heap dump PID -o FILE makes one)",
                     path);
  }
  if (header.version != kDumpFileVersion) {
    return Error::Of("{} is a heap dump of version {}; this memwhy reads version {}", path,
                     header.version, kDumpFileVersion);
  }
  if (header.header_bytes < sizeof(header) || header.header_bytes > file->size_) {
    return Error::Of("{}: the header is damaged", path);
  }
  file->first_ = header.header_bytes;
  file->offset_ = file->first_;
  return file;
}

bool DumpFile::ReadAt(std::uint64_t offset, void* into, std::size_t bytes) const {
  auto* at = static_cast<char*>(into);
  while (bytes != 0) {
    const ssize_t n = pread(fd_.get(), at, bytes, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    at += n;
    offset += static_cast<std::uint64_t>(n);
    bytes -= static_cast<std::size_t>(n);
  }
  return true;
}

Result<void> DumpFile::Rewind() {
  offset_ = first_;
  excess_ = 0;
  damage_.clear();
  return {};
}

Result<std::span<const std::uint8_t>> DumpFile::Next() {
  while (const auto block = NextBlock()) {
    const auto kind = static_cast<BlockKind>(block->header.kind);
    if (kind == BlockKind::kDump && !block->raw.empty()) return block->raw;
  }
  return std::span<const std::uint8_t>{};
}

std::optional<DumpFile::Block> DumpFile::NextBlock() {
  if (!damage_.empty() || offset_ >= size_) return std::nullopt;
  Block block;
  block.offset = offset_;
  BlockHeader& header = block.header;
  if (size_ - offset_ < sizeof(header) || !ReadAt(offset_, &header, sizeof(header))) {
    damage_ = "the file ends inside of a block";
    return std::nullopt;
  }
  if (auto sane = CheckBlockHeader(header); !sane) {
    damage_ = sane.error().message();
    return std::nullopt;
  }
  if (size_ - offset_ - sizeof(header) < header.stored_bytes) {
    damage_ = "the file ends inside of a block";
    return std::nullopt;
  }
  stored_.resize(header.stored_bytes);
  if (!ReadAt(offset_ + sizeof(header), stored_.data(), stored_.size())) {
    damage_ = "the file became shorter while it was read";
    return std::nullopt;
  }
  if (!ChecksumFits(header, stored_)) {
    damage_ = "a block's checksum does not fit";
    return std::nullopt;
  }
  if (auto decoded = decoder_.Decode(header, stored_, &raw_); !decoded) {
    damage_ = decoded.error().message();
    return std::nullopt;
  }
  excess_ += ExcessOf(raw_.size(), header.stored_bytes);
  if (excess_ > kFreeExcess) {
    damage_ = "the blocks say more than their bytes can hold";
    return std::nullopt;
  }
  offset_ += sizeof(header) + header.stored_bytes;
  block.raw = raw_;
  return block;
}

void DumpFile::TakeFact(const nlohmann::json& fact) {
  if (!fact.is_object()) return;
  const auto type = fact.find("type");
  if (type != fact.end() && *type == kScanFact) {
    scan_ = ScanOf(fact);  // the largest by far: not kept as it is
  } else {
    for (const auto& [name, value] : fact.items()) {
      if (IsKnownFact(name, value)) facts_[name] = value;
    }
  }
}

Result<void> DumpFile::ReadFacts() {
  MEMWHY_TRY_VOID(Rewind());
  while (damage_.empty() && offset_ < size_) {
    // Only the facts are unpacked.
    BlockHeader header{};
    if (size_ - offset_ < sizeof(header) || !ReadAt(offset_, &header, sizeof(header)) ||
        !CheckBlockHeader(header) || size_ - offset_ - sizeof(header) < header.stored_bytes) {
      break;
    }
    const std::uint64_t next = offset_ + sizeof(header) + header.stored_bytes;
    if (static_cast<BlockKind>(header.kind) == BlockKind::kFact) {
      stored_.resize(header.stored_bytes);
      if (!ReadAt(offset_ + sizeof(header), stored_.data(), stored_.size()) ||
          !ChecksumFits(header, stored_) || !decoder_.Decode(header, stored_, &raw_)) {
        break;
      }
      excess_ += ExcessOf(raw_.size(), header.stored_bytes);
      if (excess_ > kFreeExcess) break;
      auto fact =
          ParseFact<nlohmann::json>({reinterpret_cast<const char*>(raw_.data()), raw_.size()});
      if (fact) TakeFact(*fact);
    }
    offset_ = next;
  }
  return Rewind();
}

nlohmann::json ScanFact(const model::HolderScan& scan) {
  nlohmann::json holders = nlohmann::json::array();
  for (const model::HolderScan::Object& object : scan.objects) {
    holders.push_back({object.address, object.words, object.static_words, object.places,
                       object.native_words, object.holder, object.holder_name});
  }
  return {{"type", kScanFact},
          {"unread_mappings", scan.unread_mappings},
          {"holders", std::move(holders)}};
}

bool IsDumpFile(const std::string& path) {
  char magic[sizeof(kDumpFileMagic)];
  const auto file = OpenRegular(path, "a heap dump");
  return file &&
         read(file->fd.get(), magic, sizeof(magic)) == static_cast<ssize_t>(sizeof(magic)) &&
         std::memcmp(magic, kDumpFileMagic, sizeof(magic)) == 0;
}

}  // namespace memwhy::session
