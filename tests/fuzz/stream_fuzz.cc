// SPDX-License-Identifier: Apache-2.0
//
// The event stream of one thread: what the first pass accepts must decode again, piece by piece,
// and every stack of it must resolve. Frames are the pieces.
#include "fuzz_input.h"
#include "model/sites/stack_tree.h"
#include "session/stream_decoder.h"
#include "session/stream_index.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace memwhy;
  using session::StreamDecoder;
  const auto frames = fuzz::SplitFrames(fuzz::AsText(data, size));
  session::Allowance allowance;
  session::StreamIndex index(1000, &allowance);
  // A buffer of its own for each piece: a byte too far is seen.
  std::vector<std::vector<std::uint8_t>> pieces;
  std::uint64_t offset = 0;
  for (const std::string_view frame : frames) {
    pieces.emplace_back(frame.begin(), frame.end());
    index.Add({static_cast<std::uint32_t>(pieces.size() - 1), 0, 0}, offset, frame.size(),
              pieces.back());
    offset += frame.size();
  }
  MEMWHY_FUZZ_EXPECT(index.end_offset() <= offset);
  MEMWHY_FUZZ_EXPECT(index.damage().empty() == (index.end_offset() == offset));
  model::StackTree tree;
  memwhy::session::NativeNames names;
  index.ResolveStacks(&tree, &names);
  for (const model::StackId stack : index.stacks()) {
    MEMWHY_FUZZ_EXPECT(stack.value < tree.size());
  }

  StreamDecoder decoder(index.start_ticks());
  session::Record record;
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  for (const session::PieceRef& ref : index.pieces()) {
    const std::vector<std::uint8_t>& piece = pieces[ref.source];
    MEMWHY_FUZZ_EXPECT(std::uint64_t{ref.begin} + ref.length <= piece.size());
    decoder.SetPiece(std::span(piece).subspan(ref.begin, ref.length));
    StreamDecoder::Step step{};
    while ((step = decoder.Next(&record)) == StreamDecoder::Step::kRecord) {
      ++records;
      MEMWHY_FUZZ_EXPECT(std::string_view(session::EventKindName(record.kind)) != "unknown");
      using enum wire::EventKind;
      const bool has_stack = record.kind == kMalloc || record.kind == kCalloc ||
                             record.kind == kAllocate || record.kind == kObjectAllocate ||
                             record.kind == kMap || record.kind == kRealloc ||
                             record.kind == kRemap || record.kind == kHeld ||
                             record.kind == kFolded || record.kind == kState;
      if (has_stack) MEMWHY_FUZZ_EXPECT(record.stack < index.stacks().size());
      std::size_t sum = 0;  // reads every byte of the texts
      if (record.kind == kDefineCode) {
        for (const std::string_view text : record.text) {
          for (const char c : text) sum += static_cast<unsigned char>(c);
        }
      }
      MEMWHY_FUZZ_EXPECT(sum <= size * 255);
    }
    MEMWHY_FUZZ_EXPECT(step == StreamDecoder::Step::kEndOfPiece);
    bytes += ref.length;
  }
  MEMWHY_FUZZ_EXPECT(records == index.records());
  MEMWHY_FUZZ_EXPECT(bytes == index.end_offset());
  return 0;
}
