// SPDX-License-Identifier: Apache-2.0
//
// Writes a session: appends blocks with write(2), so that what was written survives the death of
// the writer. Invariant: the file is a whole sequence of blocks at any time; a block that does not
// fit on the disk is cut off again and nothing is written after it. Used by the recorder and tests;
// one thread. Memory: one block's buffers.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "session/block_codec.h"
#include "session/column_encoder.h"

namespace memwhy::session {

class SessionWriter {
 public:
  // Makes the directory and the file. Refuses a path that exists.
  static Result<std::unique_ptr<SessionWriter>> Create(const std::string& path);

  // Makes only the file, in a session directory that there is; for folding. Refuses one that
  // exists.
  static Result<std::unique_ptr<SessionWriter>> CreateFile(const std::string& directory,
                                                           const std::string& file);

  const std::string& path() const { return path_; }

  // Adds a piece of a stream to the open block and closes it when it is full. The bytes are on
  // their way to the disk only after Flush.
  Result<void> AddPiece(std::uint32_t process, std::uint32_t thread, std::uint64_t offset,
                        std::span<const std::uint8_t> bytes,
                        TimePrecision precision = TimePrecision::kExact);
  // Writes the open block, if it has pieces.
  Result<void> Flush();
  // A block of pieces (pieces.h) as it is; what was added before goes first.
  Result<void> AddBlock(std::span<const std::uint8_t> pieces);
  // A block as it stands in another file; what was added before goes first.
  Result<void> AddStored(std::span<const std::uint8_t> stored);
  // Goes on in `file` of the session directory, which stands for the first `bytes` of blocks.mwy:
  // appends what came after them and takes its place. On an error all stays as it was.
  Result<void> MoveTo(const std::string& file, std::uint64_t bytes);
  // What is added from now on and happened after these ticks is not rounded to them or below.
  // Flushed first: what was added before keeps its times.
  Result<void> KeepOrder(std::uint64_t ticks);
  // Writes one fact (an object with "type"), in a block of its own, behind what was added before.
  Result<void> AddFact(const nlohmann::json& fact);

  // After a failure: tries to put these last facts into what room there is, all or none.
  Result<void> AddLastFacts(const std::vector<nlohmann::json>& facts);

  std::uint64_t bytes_written() const { return bytes_written_; }
  // "" or why writing stopped: "no space left on device". All calls fail from then on.
  const std::string& failure() const { return failure_; }

 private:
  SessionWriter(std::string path, UniqueFd fd);
  Result<void> WriteBlock(BlockKind kind, std::span<const std::uint8_t> raw);
  std::vector<std::uint8_t> PlainPieces() const;
  void ForgetPieces();
  // An error, the failure: so many more bytes would exceed the limit on the size of files.
  Result<void> CheckFileSize(std::size_t bytes);
  Result<void> WriteAll(std::span<const std::uint8_t> bytes);
  void DropPageCache();

  std::string path_;
  UniqueFd fd_;
  BlockEncoder encoder_;
  ColumnEncoder columns_;
  std::vector<OpenPiece> pieces_;  // of the open block; bytes are set at its end
  std::vector<std::size_t> ends_;  // of the pieces' bytes
  std::vector<std::uint8_t> bytes_;
  std::uint64_t bytes_written_ = 0;
  std::uint64_t bytes_dropped_ = 0;  // of the page cache
  bool takes_all_room_ = false;      // below the limit on the size of files
  std::string failure_;
};

}  // namespace memwhy::session
