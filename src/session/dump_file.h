// SPDX-License-Identifier: Apache-2.0
//
// A heap dump on disk (prose: docs/formats/heap-dump.md): a header, then blocks as a session's file
// has them (format.h), so that a dump that was cut off is read up to its last whole block:
//
//   dump   := DumpFileHeader block*
//   kDump  := bytes of the stream (wire/heap_dump.h), cut anywhere
//   kFact  := one JSON object: {"type": "dump", ...} what is known before the first block,
//             {"type": "dump_end", ...} what is known after the last
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/output_file.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "model/heap/dump_decoder.h"
#include "model/heap/object_graph.h"
#include "session/block_codec.h"

namespace memwhy::session {

inline constexpr char kDumpFileMagic[8] = {'M', 'W', 'Y', 'H', 'E', 'A', 'P', '\n'};
inline constexpr std::uint32_t kDumpFileVersion = 1;

struct DumpFileHeader {
  char magic[8];
  std::uint32_t version;
  std::uint32_t header_bytes;  // a reader goes on behind them
};
static_assert(sizeof(DumpFileHeader) == 16);

// Writes a dump under a name of its own and gives it the wanted one in the end, so that no half
// dump stands where a whole one is expected. One thread.
class DumpWriter {
 public:
  static Result<DumpWriter> Create(const std::string& path);
  DumpWriter(DumpWriter&&) noexcept = default;
  DumpWriter& operator=(DumpWriter&&) = delete;

  Result<void> AddFact(const nlohmann::json& fact);
  Result<void> AddBytes(std::span<const std::uint8_t> bytes);
  // Everything is on disk; the file has its name.
  Result<void> Finish();

  std::uint64_t raw_bytes() const { return raw_bytes_; }
  std::uint64_t file_bytes() const { return file_bytes_; }

 private:
  explicit DumpWriter(OutputFile file) : file_(std::move(file)) {}
  Result<void> Flush();
  Result<void> WriteBlock(BlockKind kind, std::span<const std::uint8_t> raw);
  Result<void> WriteAll(std::span<const std::uint8_t> bytes);

  OutputFile file_;
  BlockEncoder encoder_;
  std::vector<std::uint8_t> pending_;
  std::uint64_t raw_bytes_ = 0;
  std::uint64_t file_bytes_ = 0;
};

// Reads one, as often as wanted. Input is hostile; damage ends the stream and is said. One thread.
class DumpFile : public model::DumpSource {
 public:
  // Fails when there is no such file, or it is no dump of a version that we know.
  static Result<std::unique_ptr<DumpFile>> Open(const std::string& path);

  Result<void> Rewind() override;
  Result<std::span<const std::uint8_t>> Next() override;

  struct Block {
    std::uint64_t offset = 0;  // of its header, in the file
    BlockHeader header{};
    std::span<const std::uint8_t> raw;  // valid until the next call
  };
  // The next block of any kind; nothing at the end and at damage.
  std::optional<Block> NextBlock();

  // What the facts say, one over the other; complete after ReadFacts.
  const nlohmann::json& facts() const { return facts_; }
  // What they say about a scan for holders, which is not in facts(); nothing where there was none.
  const model::HolderScan& scan() const { return scan_; }
  // Walks over all blocks and goes back to the start.
  Result<void> ReadFacts();
  std::uint64_t size() const { return size_; }
  std::uint64_t offset() const { return offset_; }       // where Next goes on
  const std::string& damage() const { return damage_; }  // "" at a clean end

 private:
  DumpFile(UniqueFd fd, std::uint64_t size) : fd_(std::move(fd)), size_(size) {}
  bool ReadAt(std::uint64_t offset, void* into, std::size_t bytes) const;
  void TakeFact(const nlohmann::json& fact);

  UniqueFd fd_;
  std::uint64_t size_ = 0;
  std::uint64_t first_ = 0;   // of the blocks
  std::uint64_t offset_ = 0;  // where Next goes on
  std::uint64_t excess_ = 0;  // of the blocks before
  BlockDecoder decoder_;
  std::vector<std::uint8_t> stored_;
  std::vector<std::uint8_t> raw_;
  nlohmann::json facts_ = nlohmann::json::object();
  model::HolderScan scan_;
  std::string damage_;
};

// The fact that DumpFile::scan() comes back from.
nlohmann::json ScanFact(const model::HolderScan& scan);

// Whether a file begins as a dump does.
bool IsDumpFile(const std::string& path);

}  // namespace memwhy::session
