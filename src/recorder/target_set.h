// SPDX-License-Identifier: Apache-2.0
//
// The processes of one recording: finds their rings, empties them, samples them, notices how they
// end, and writes all of that into the session. Owned by the runner, which says when. Invariant:
// when the session cannot be written any more, the agents are told to stop, their rings stay where
// they are, and nothing is said twice. One thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/file_system.h"
#include "base/result.h"
#include "recorder/ring/disk_reserve.h"
#include "recorder/target.h"
#include "recorder/tree/descendants.h"
#include "recorder/tree/tally_map.h"
#include "session/facts.h"
#include "session/writer.h"

namespace memwhy::recorder {

class TargetSet {
 public:
  // `rings` is the folder in which agents make their rings. `writer` and `fs` outlive the set.
  TargetSet(std::string session, std::string rings, session::SessionWriter* writer,
            const FileSystem* fs);

  // The program started. Its end is told by its parent, which alone can wait for it.
  // `follows_all`: every CPython below it is to be recorded.
  void SetChild(pid_t child, bool follows_all);
  // Under how many filters on system calls a request was tried (dump/filter_trial.h).
  void SetTriedFilters(std::uint32_t count) { tried_filters_ = count; }
  // Of all that is taken up from now on (--redact).
  void SetRedaction(const wire::RedactionKey& key) { redacts_ = key; }
  // C frames were asked for: a process that records none is told of.
  void SetNative(bool is_native) { is_native_ = is_native; }
  void SetTally(std::unique_ptr<TallyMap> tally) { tally_ = std::move(tally); }
  void SetChildStatus(int wait_status) { child_status_ = wait_status; }
  std::string ChildEnded();  // exit:N, signal:N, oom, open

  // Takes up the rings that have appeared, in the order in which their processes began.
  void Discover();
  // Looks at the headers of all rings; a sign of life for the agents.
  void Refresh();
  void Drain();
  // A new clock permit for the only thread of the only process that has events, if there is one.
  void PermitStamps(std::uint64_t now);
  void Sample(std::uint64_t now);  // counters, when they are due
  void WriteSamples();
  // The passes over address spaces that are due.
  void Pass(std::uint64_t now);
  std::uint64_t last_pass_ns() const { return last_pass_ns_; }  // just before it; 0: none
  Result<void> PassAll(const std::string& at);
  void FinishGone();
  // Writes down which processes are not recorded, as far as it has become known.
  void TakeUnseen();
  std::string UnseenText() const;  // "" or a line about them
  void WriteUnseenRest();          // how many are not named; at the end
  // What still runs is recorded no more.
  void FinishAll();

  bool IsWriting() const { return writer_->failure().empty(); }
  // After a failure of the writer: tells the agents and people, once.
  void GiveUpWriting();
  bool has_given_up() const { return has_given_up_; }
  // What the session could not take any more, for its last words.
  const std::vector<nlohmann::json>& last_facts() const { return last_facts_; }

  const std::vector<std::unique_ptr<Target>>& all() const { return targets_; }
  std::uint32_t count_ever() const { return next_process_; }
  // Null when it is gone, or not recorded.
  Target* Find(std::uint32_t process) const;
  std::size_t CountRecorded() const;
  bool has_main() const { return has_main_; }
  std::uint32_t main_process() const { return main_process_; }
  const std::string& dormant_note() const { return dormant_note_; }
  // What of the main process cannot be recorded, or "".
  const std::string& main_limit() const { return main_limit_; }
  // Fills its ring faster than the recorder waits; of this round.
  Target* busiest() const { return busiest_; }

 private:
  void Refresh(Target* target);
  void NoteNoNative(Target& target);
  bool HasNewcomer() const;
  void Add(std::unique_ptr<RingMap> ring);
  // Which process has this ring, as /proc shows it to us.
  Descendants::Identity OwnerOf(const RingMap& ring);
  // Its process has another ring by now: the number is another's, or another image's.
  void FinishEarlier(Target* old);
  bool WriteRest(Target* target, const std::string& ended);
  void FinishTarget(Target* target, const std::string& ended);
  std::string EndedOf(Target* target);

  const std::string session_;
  const std::string rings_;
  session::SessionWriter* writer_;
  std::optional<wire::RedactionKey> redacts_;
  bool is_native_ = false;
  const FileSystem* fs_;
  std::vector<std::unique_ptr<Target>> targets_;
  std::set<std::pair<std::string, std::uint64_t>> known_rings_;  // path, inode
  std::uint32_t next_process_ = 0;
  std::uint32_t main_process_ = 0;
  bool has_main_ = false;
  std::string dormant_note_;
  std::string main_limit_;
  pid_t child_ = 0;
  std::optional<int> child_status_;
  std::optional<OsSampler> child_sampler_;
  std::string child_ended_;  // as its recording says, if there is one
  void WriteMissing(const std::string& text);
  void WriteUnseen(const UnseenProcess& process);

  std::unique_ptr<TallyMap> tally_;
  std::optional<Descendants> descendants_;
  bool follows_all_ = false;
  std::uint32_t tried_filters_ = 0;
  std::uint64_t unseen_count_ = 0;
  std::string first_unseen_;
  DiskReserve reserve_;
  std::vector<nlohmann::json> last_facts_;
  std::vector<session::OsSampleFact> samples_;
  std::uint64_t next_sample_ns_ = 0;
  std::uint64_t next_permit_ns_ = 0;
  std::uint64_t last_pass_ns_ = 0;
  bool looks_for_execs_ = false;  // in this round
  Target* busiest_ = nullptr;
  bool has_given_up_ = false;
};

}  // namespace memwhy::recorder
