// SPDX-License-Identifier: Apache-2.0
//
// Keeps a session small while it is written: when its part with single events has become too large
// or too old, a child process folds the older part into sums (session/fold.h) while the recorder
// goes on, and the result takes the file's place. Invariant: the session can be read at any
// instant, also after a kill; a fold that fails changes nothing. One thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "session/writer.h"

namespace memwhy::recorder {

struct FoldPolicy {
  bool is_aggregating = false;             // sums, and the newest few MB of events
  std::optional<double> keep_seconds;      // events of at least so long
  std::optional<std::uint64_t> max_bytes;  // of blocks.mwy
  bool is_needed() const { return is_aggregating || keep_seconds || max_bytes; }
  std::string Why() const;  // the options, as given
};

class Folder {
 public:
  // `writer` outlives the folder. `pass` writes a look at the whole address space of each process:
  // one that is younger than the cut stays, with the blocks held then, for the ledger.
  Folder(FoldPolicy policy, std::string session, session::SessionWriter* writer,
         std::function<void()> pass);
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  // Starts a fold that is due, puts one that is done into its place. The writer has been flushed.
  void Step(std::uint64_t now_ns);
  // A look at the whole address space was written: sums up to here keep it useful.
  void NotePass(std::uint64_t now_ns) { last_pass_ns_ = now_ns; }
  // At the end, all processes being gone: waits for what runs, and folds what is still too much.
  void Finish(std::uint64_t now_ns);

  // "" or why the session exceeds the requested size.
  const std::string& trouble() const { return trouble_; }

 private:
  struct Written {
    std::uint64_t at_ns;
    std::uint64_t bytes;  // of the file at that time
  };

  void Remember(std::uint64_t now_ns);
  std::uint64_t TailLimit() const;
  std::uint64_t TailBytes() const;  // since the last fold
  std::uint64_t BytesSince(std::uint64_t at_ns) const;
  // What to fold now, if anything: events up to there.
  std::optional<std::uint64_t> Due(std::uint64_t now_ns) const;
  std::uint64_t CutLeaving(std::uint64_t bytes, std::uint64_t most_bytes,
                           std::uint64_t now_ns) const;
  void Start(std::uint64_t until_ns);
  void Reap(bool waits);
  void Fail(const std::string& why);

  const FoldPolicy policy_;
  const std::string session_;
  session::SessionWriter* writer_;
  std::function<void()> pass_;
  std::deque<Written> written_;   // the file's growth since the last fold, a few hundred entries
  std::uint64_t spacing_ns_;      // between two of them
  std::uint64_t base_bytes_ = 0;  // of the file after the last fold
  std::uint64_t folded_until_ns_ = 0;
  std::uint64_t last_pass_ns_ = 0;
  std::uint64_t next_pass_ns_ = 0;  // for a fold
  pid_t child_ = 0;
  std::uint64_t child_seen_ = 0;  // how much of the file it looks at
  std::uint64_t child_until_ns_ = 0;
  std::uint64_t retry_ns_ = 0;
  std::string trouble_;
};

}  // namespace memwhy::recorder
