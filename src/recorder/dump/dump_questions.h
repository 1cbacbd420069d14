// SPDX-License-Identifier: Apache-2.0
//
// Works out which objects a clone shall be asked about, in a thread of its own while the dump's
// stream still comes: the clone lives, and every page that the service writes is copied, until its
// questions are there.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

namespace memwhy::recorder {

// Add and Finish: one thread.
class DumpQuestions {
 public:
  DumpQuestions();
  ~DumpQuestions();
  DumpQuestions(const DumpQuestions&) = delete;
  DumpQuestions& operator=(const DumpQuestions&) = delete;

  // The next bytes of the stream (wire/heap_dump.h). Copies them; waits while too many lie unread.
  void Add(std::span<const std::uint8_t> bytes);
  // The stream is at its end: the addresses of the objects with more references than edges, in
  // rising order, at most `most`. None of a stream that cannot be read. Once.
  std::vector<std::uint64_t> Finish(std::size_t most);

 private:
  class Source;
  void Run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::vector<std::uint8_t>> chunks_;
  std::vector<std::vector<std::uint8_t>> spare_;  // read, to be filled again
  std::size_t waiting_bytes_ = 0;
  bool is_closed_ = false;
  bool is_done_ = false;  // nobody reads any more
  std::size_t most_ = 0;
  std::vector<std::uint64_t> found_;
  std::thread thread_;
};

}  // namespace memwhy::recorder
