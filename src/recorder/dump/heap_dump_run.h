// SPDX-License-Identifier: Apache-2.0
//
// One heap dump or census while it is taken: the request, the stream that the clone writes and the
// sink that it goes to, the questions for it. In steps that never wait, so that a recorder goes on
// recording meanwhile.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/result.h"
#include "recorder/dump/dump_questions.h"
#include "recorder/dump/dump_sink.h"
#include "recorder/dump/fifo.h"
#include "recorder/dump/heap_dump.h"
#include "recorder/dump/heap_request.h"
#include "recorder/dump/meeting_place.h"
#include "recorder/dump/request_wait.h"
#include "recorder/ring/ring_map.h"
#include "recorder/ring/ring_owner.h"

namespace memwhy::recorder {

// One thread. Whatever it made is gone when it is: the FIFO, the lists beside it, a half file.
class HeapDumpRun {
 public:
  // Posts the request. `options.blocks` is not needed any more afterwards; `fs` is.
  static Result<std::unique_ptr<HeapDumpRun>> Start(const FileSystem& fs,
                                                    const HeapDumpOptions& options,
                                                    OnPrediction on_prediction);
  // The same for a census: `options.output`, `scans` and `blocks` mean nothing.
  static Result<std::unique_ptr<HeapDumpRun>> StartCensus(const FileSystem& fs,
                                                          const HeapDumpOptions& options,
                                                          std::unique_ptr<DumpSink> sink,
                                                          OnPrediction on_prediction);
  ~HeapDumpRun();
  HeapDumpRun(const HeapDumpRun&) = delete;
  HeapDumpRun& operator=(const HeapDumpRun&) = delete;

  // Readable when the next step has something to do.
  int fd() const { return fifo_->fd(); }
  // Does what can be done now. True: the dump has ended, well or not.
  Result<bool> Step();
  // After the last step: the sink has all.
  Result<HeapDumpOutcome> Finish();
  // All steps and the end.
  Result<HeapDumpOutcome> RunToEnd();

 private:
  HeapDumpRun(const FileSystem& fs, const HeapDumpOptions& options, bool is_census,
              std::unique_ptr<DumpSink> sink, OnPrediction on_prediction);
  Result<void> Post(const std::string& ring_path);
  void Drain();
  void AskWhenReady();

  const FileSystem& fs_;
  HeapDumpOptions options_;
  bool is_census_;
  std::unique_ptr<DumpSink> sink_;
  OnPrediction on_prediction_;
  std::string base_;  // of the names of what lies beside the ring, as we see it
  std::unique_ptr<RingMap> ring_;
  std::unique_ptr<MeetingPlace> place_;  // outlives the pipe in it
  std::optional<RingOwner> owner_;       // of ring_
  std::unique_ptr<Fifo> fifo_;
  std::optional<HeapRequest> request_;
  std::optional<RequestWait> wait_;
  std::optional<HeapReply> reply_;
  std::optional<Error> failure_;  // ours; the stream is drained all the same
  std::optional<DumpQuestions> asking_;
  bool is_asked_ = false;  // what comes now are answers
  bool is_told_ = false;
  std::vector<std::uint64_t> questions_;
  std::vector<std::uint8_t> answers_;
  std::vector<std::uint8_t> buffer_;
  std::uint64_t raw_bytes_ = 0;  // of the stream
};

}  // namespace memwhy::recorder
