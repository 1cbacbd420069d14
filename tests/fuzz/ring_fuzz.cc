// SPDX-License-Identifier: Apache-2.0
//
// A ring file that a hostile target wrote, and goes on writing while it is drained. The file starts
// as a good ring of two chunks; frames change it (RingOp). Then it is read as a snapshot, as part
// of a session, and drained by the recorder, whose session is read in turn.
#include <fcntl.h>
#include <unistd.h>

#include <filesystem>

#include "check_session.h"
#include "recorder/ring/drain.h"
#include "recorder/ring/ring_map.h"
#include "session/fake_ring.h"
#include "session/ring_snapshot.h"
#include "session/temporary_directory.h"
#include "session_frames.h"

namespace {

using namespace memwhy;

enum class RingOp : std::uint8_t {
  kChunk = 0,       // chunk, state, thread, offset (u16), records: a good chunk with these
  kHeader = 1,      // offset (u16), bytes
  kChunkTable = 2,  // offset (u16), bytes
  kArenas = 3,      // offset (u16), bytes
  kSize = 4,        // the file is cut or grown to so many 64-byte lines (u16), also while mapped
  kDrain = 5,       // what follows is written after a round of the recorder
  kBlocks = 6,      // a frame of blocks.mwy beside the ring
};
constexpr std::uint8_t kRingOps = 7;
constexpr std::uint32_t kChunks = 2;

class Ring {
 public:
  Ring() : start_(kChunks) {
    start_.header().monotonic_ns_at_start = start_.header().clock_at_start = 1'000'000'000'000;
    start_.header().pid = 0x7ffffff0;  // nobody's
    file_ = directory_ / "ring.100.1";
    fd_ = open(file_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    MEMWHY_FUZZ_EXPECT(fd_ >= 0);
  }

  void Reset() {
    MEMWHY_FUZZ_EXPECT(ftruncate(fd_, 0) == 0 && ftruncate(fd_, FullBytes()) == 0);
    Put(0, {reinterpret_cast<const char*>(&start_.header()), sizeof(wire::RingHeader)});
    fuzz::WriteFile(directory_ / session::kBlocksFile, {});
  }

  void Apply(RingOp op, std::string_view bytes) {
    switch (op) {
      case RingOp::kChunk: {
        const std::uint32_t chunk = fuzz::Take<std::uint8_t>(&bytes) % kChunks;
        const std::uint32_t state = fuzz::Take<std::uint8_t>(&bytes) % 4;
        const std::uint32_t thread = fuzz::Take<std::uint8_t>(&bytes);
        const std::uint64_t offset = fuzz::Take<std::uint16_t>(&bytes);
        const std::uint32_t table[4] = {state, thread, 100 + thread,
                                        static_cast<std::uint32_t>(bytes.size())};
        Put(wire::PoolOffset(kChunks) + std::size_t{chunk} * wire::kChunkBytes, bytes);
        Put(4096 + chunk * 64, {reinterpret_cast<const char*>(table), sizeof(table)});
        Put(4096 + chunk * 64 + 16, {reinterpret_cast<const char*>(&offset), sizeof(offset)});
        const std::uint32_t used = kChunks;
        Put(offsetof(wire::RingHeader, chunks_used),
            {reinterpret_cast<const char*>(&used), sizeof(used)});
        break;
      }
      case RingOp::kHeader: {
        const auto at = fuzz::Take<std::uint16_t>(&bytes);
        Put(at % 4096, bytes);
        break;
      }
      case RingOp::kChunkTable: {
        const auto at = fuzz::Take<std::uint16_t>(&bytes);
        Put(4096 + at % (kChunks * 64), bytes);
        break;
      }
      case RingOp::kArenas: {
        const auto at = fuzz::Take<std::uint16_t>(&bytes);
        Put(wire::ArenaOffset(kChunks) + at, bytes);
        break;
      }
      case RingOp::kSize:
        MEMWHY_FUZZ_EXPECT(ftruncate(fd_, fuzz::Take<std::uint16_t>(&bytes) * 64) == 0);
        break;
      case RingOp::kDrain:
      case RingOp::kBlocks:
        break;
    }
  }

  const std::string& file() const { return file_; }
  std::string directory() const { return directory_ / ""; }
  std::string drained() const { return parent_ / "drained.mwy"; }

 private:
  static off_t FullBytes() { return static_cast<off_t>(wire::RingFileBytes(kChunks)); }
  void Put(std::size_t at, std::string_view bytes) {
    const auto limit = static_cast<std::size_t>(FullBytes());
    if (at >= limit || bytes.empty()) return;
    const std::size_t count = std::min(bytes.size(), limit - at);
    MEMWHY_FUZZ_EXPECT(pwrite(fd_, bytes.data(), count, static_cast<off_t>(at)) > 0);
  }

  session::TemporaryDirectory directory_;
  session::TemporaryDirectory parent_;
  session::FakeRing start_;
  std::string file_;
  int fd_ = -1;
};

RingOp OpOf(std::string_view* frame) {
  const auto op = static_cast<std::uint8_t>((*frame)[0]);
  frame->remove_prefix(1);
  return static_cast<RingOp>(op % kRingOps);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Ring ring;
  const auto frames = fuzz::SplitFrames(fuzz::AsText(data, size));
  ring.Reset();
  fuzz::SessionFile blocks;
  std::size_t next = 0;
  for (; next < frames.size(); ++next) {
    std::string_view frame = frames[next];
    if (frame.empty()) continue;
    const RingOp op = OpOf(&frame);
    if (op == RingOp::kDrain) break;
    if (op == RingOp::kBlocks) blocks.Add(frame);
    ring.Apply(op, frame);
  }
  fuzz::WriteFile(ring.directory() + session::kBlocksFile, blocks.bytes());
  if (const auto snapshot = session::ReadRing(ring.file())) {
    for (const session::RingPiece& piece : snapshot->pieces) {
      MEMWHY_FUZZ_EXPECT(!piece.bytes.empty() && piece.bytes.size() <= wire::kChunkBytes);
    }
  }
  fuzz::CheckSession(ring.directory());

  auto map = recorder::RingMap::Open(ring.file());
  if (!map) return 0;
  std::error_code ignored;
  std::filesystem::remove_all(ring.drained(), ignored);
  auto writer = session::SessionWriter::Create(ring.drained());
  MEMWHY_FUZZ_EXPECT(writer);
  MEMWHY_FUZZ_EXPECT((*writer)->AddFact(ToJson(ToProcessFact((*map)->info(), 0))));
  recorder::Drain drain(map->get(), 0);
  const auto round = [&] {
    (*map)->Refresh();
    drain.IsUrgent();
    drain.Look();
    const bool is_alone = drain.CountBusy() == 1 && !drain.HasMore();
    MEMWHY_FUZZ_EXPECT(drain.Collect(writer->get(), is_alone ? session::TimePrecision::kRounded
                                                             : session::TimePrecision::kExact));
    MEMWHY_FUZZ_EXPECT((*writer)->Flush());
    drain.Release();
    (*map)->Arenas();
  };
  round();
  for (; next < frames.size(); ++next) {
    std::string_view frame = frames[next];
    if (frame.empty()) continue;
    const RingOp op = OpOf(&frame);
    if (op == RingOp::kDrain) round();
    ring.Apply(op, frame);
  }
  round();
  (*map)->Beat();
  (*map)->Stop();
  writer->reset();
  fuzz::CheckSession(ring.drained());
  return 0;
}
