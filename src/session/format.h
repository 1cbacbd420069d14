// SPDX-License-Identifier: Apache-2.0
//
// The session on disk, version 2 (prose: docs/formats/session.md). A session is a directory
// `NAME.mwy/`; its events and facts are in `blocks.mwy`, which only ever grows at its end:
//
//   blocks.mwy := FileHeader block*
//   block      := BlockHeader stored-bytes            stored = raw, or one zstd frame of it and
//                                                     possibly a skippable one (padding)
//   kPieces    := piece*       raw bytes; v = varint
//   piece      := v(process) v(thread) v(stream offset) v(stream bytes) v(length) bytes[length]
//   kColumns   := the same pieces, field by field: columns.h
//   kFact      := one JSON object (UTF-8) with a member "type"; the types are in facts.h
//
// A piece is a whole sequence of records of one thread's event stream (wire/event.h); its offset
// counts the bytes of that stream before it, and `stream bytes` how many of them it stands for. A
// kColumns block is how pieces are stored, kPieces what it is unfolded to; the latter is in a file
// only when a stream does not decode. Unfolded pieces may be shorter or longer than the bytes of
// the stream, since times may be rounded (columns.h). Blocks of unknown kind are skipped. A
// checksum that does not fit, or a file that ends inside a block, is where reading stops:
// everything before it is good. All numbers are little-endian; we run on such machines only.
#pragma once

#include <cstddef>
#include <cstdint>

namespace memwhy::session {

inline constexpr char kBlocksFile[] = "blocks.mwy";
inline constexpr char kFileMagic[8] = {'M', 'W', 'Y', 'S', 'E', 'S', 'S', '\n'};
inline constexpr std::uint32_t kFormatVersion = 2;
inline constexpr std::uint32_t kBlockMagic = 0x4b4c424d;  // "MBLK"

struct FileHeader {
  char magic[8];
  std::uint32_t version;
  std::uint32_t header_bytes;  // a reader goes on behind them
  std::uint64_t reserved[2];
};
static_assert(sizeof(FileHeader) == 32);

enum class BlockKind : std::uint16_t { kPieces = 1, kFact = 2, kColumns = 3, kDump = 4 };

constexpr bool HasPieces(BlockKind kind) {
  return kind == BlockKind::kPieces || kind == BlockKind::kColumns;
}

inline constexpr std::uint16_t kBlockIsZstd = 1;

struct BlockHeader {
  std::uint32_t magic;
  std::uint16_t kind;
  std::uint16_t flags;
  std::uint32_t raw_bytes;
  std::uint32_t stored_bytes;
  std::uint64_t checksum;  // xxh3-64 of the 16 bytes before it and the stored bytes
};
static_assert(sizeof(BlockHeader) == 24);

// A writer closes a block of pieces at this size or after kBlockNs, whichever is first.
inline constexpr std::size_t kBlockBytes = 256 * 1024;
inline constexpr std::uint64_t kBlockNs = 100'000'000;
// No block is larger, raw or stored; a header that says so is damage.
inline constexpr std::uint32_t kMaxBlockBytes = 64u << 20;
// Nor does a block of pieces unfold to more, or its columns. What a target says in kBlockBytes
// stays below, whatever it says: a record has two bytes at least, and a piece's head 70 at most.
inline constexpr std::uint32_t kMaxPiecesBytes = 16u << 20;
static_assert(kMaxPiecesBytes >= kBlockBytes / 2 * 100);
// Bounds on indexes in a piece; beyond them is damage.
inline constexpr std::uint32_t kMaxProcesses = 1u << 16;
inline constexpr std::uint32_t kMaxThreads = 1u << 20;

// Whether a frame of zstd may hold so much: what packs better is stored as it is (a column) or
// padded (a block), so that a small file cannot claim much.
constexpr bool MayBePacked(std::uint64_t raw, std::uint64_t stored) {
  constexpr std::uint64_t kFreeBytes = 1u << 20;
  constexpr std::uint64_t kMaxRatio = 32;
  return raw <= kFreeBytes || raw / kMaxRatio <= stored;
}

// No block holds more than this for each of its bytes in the file: a writer pads what packs better
// (PaddingFor). A reader takes kFreeExcess more of a whole file, for files that were written before
// this rule, and no more.
inline constexpr std::uint64_t kMaxUnfolding = 32;
inline constexpr std::uint64_t kFreeExcess = 64u << 20;

// `raw`: of columns the sum of their raw bytes, else the block's. `stored` without the header.
constexpr std::uint64_t ExcessOf(std::uint64_t raw, std::uint64_t stored) {
  const std::uint64_t covered = kMaxUnfolding * (sizeof(BlockHeader) + stored);
  return raw > covered ? raw - covered : 0;
}
// How many stored bytes are missing.
constexpr std::uint64_t PaddingFor(std::uint64_t raw, std::uint64_t stored) {
  return (ExcessOf(raw, stored) + kMaxUnfolding - 1) / kMaxUnfolding;
}

}  // namespace memwhy::session
