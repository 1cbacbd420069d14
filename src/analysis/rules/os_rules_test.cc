// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "analysis/fake_case.h"

namespace memwhy::analysis {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Bytes kOsMiB = FakeCase::kMiB;

class OsCase : public FakeCase {
 public:
  OsCase() {
    start.time = 20;
    end.time = 60;
    ends.start.pass = &start;
    ends.end.pass = &end;
  }
  // `set(sample, n)` with n from 0 to 599.
  void Each(const std::function<void(model::OsSample&, std::uint64_t)>& set) {
    for (std::size_t i = 0; i < recording.os_samples.size(); ++i) set(recording.os_samples[i], i);
  }
  Verdict Judge() const { return Conclude(recording, stacks, view, ledgers, &holders, &ends); }
  std::vector<std::string> Ids() const {
    std::vector<std::string> ids;
    for (const Finding& finding : Judge().findings) ids.push_back(finding.id);
    return ids;
  }

  model::MapsPass start;
  model::MapsPass end;
  model::WindowEnds ends;
};

TEST(OsRules, ThreadsThatBecomeMoreAreBlamed) {
  OsCase one;
  one.Each([](auto& sample, auto n) { sample.threads = static_cast<std::uint32_t>(4 + n / 10); });
  for (int i = 0; i < 5; ++i) {
    one.recording.threads.push_back({{}, 10, "Thread-" + std::to_string(i), 0, 0, {}});
  }
  const Verdict verdict = one.Judge();
  ASSERT_THAT(one.Ids(), ElementsAre("threads.runaway"));
  EXPECT_EQ(verdict.word, VerdictWord::kGrowing);
  EXPECT_EQ(ExitCode(verdict), 1);
  EXPECT_EQ(verdict.findings[0].kind, Kind::kOsObject);
  EXPECT_THAT(verdict.findings[0].title, HasSubstr("+60 per minute"));
  EXPECT_THAT(verdict.findings[0].evidence.back().says, HasSubstr("Thread-#"));
}

TEST(OsRules, APoolOfThreadsThatFillsIsNotBlamed) {
  OsCase one;
  one.Each([](auto& sample, auto n) {
    sample.threads = static_cast<std::uint32_t>(4 + std::min<std::uint64_t>(n, 250) / 10);
  });
  EXPECT_THAT(one.Ids(), IsEmpty());
}

TEST(OsRules, DescriptorsThatBecomeMoreAreNamedByKind) {
  OsCase one;
  one.Each([](auto& sample, auto n) { sample.descriptors = 20 + n; });
  one.start.descriptors = {{"file", 20}, {"socket", 200}};
  one.end.descriptors = {{"socket", 590}, {"file", 21}};
  ASSERT_THAT(one.Ids(), ElementsAre("fd_or_map.leak"));
  EXPECT_EQ(one.Judge().findings[0].what.type, "socket");
}

TEST(OsRules, DescriptorsThatComeAndGoAreNotBlamed) {
  OsCase one;
  one.Each([](auto& sample, auto n) { sample.descriptors = 20 + n % 37; });
  EXPECT_THAT(one.Ids(), IsEmpty());
}

TEST(OsRules, ManyMappingsAreSaidBeforeMmapFails) {
  OsCase one;
  one.end.mappings.resize(50000);
  ASSERT_THAT(one.Ids(), ElementsAre("fd_or_map.leak"));
  EXPECT_EQ(one.Judge().findings[0].severity, Severity::kInfo);
}

TEST(OsRules, SharedMemoryOfTheCgroupThatGrowsIsBlamed) {
  OsCase one;
  one.Each([](auto& sample, auto n) {
    sample.cgroup_current = 400 * kOsMiB + n * 500'000;
    sample.cgroup_shmem = 10 * kOsMiB + n * 500'000;
  });
  model::Mapping mapping;
  mapping.end = 180 * kOsMiB;
  mapping.name = "/dev/shm/psm_1 (deleted)";
  EXPECT_THAT(one.Ids(), IsEmpty()) << "it may be anybody's in the cgroup";
  one.end.mappings.push_back(mapping);
  ASSERT_THAT(one.Ids(), ElementsAre("cgroup.shm_tmpfs"));
  EXPECT_EQ(ExitCode(one.Judge()), 1);
  EXPECT_THAT(one.Judge().findings[0].evidence.back().says, HasSubstr("unlinked already"));
}

TEST(OsRules, SharedMemoryOfOthersInALimitedCgroupIsSaidAndBlamesNobody) {
  OsCase one;
  one.Each([](auto& sample, auto n) {
    sample.cgroup_limit = 4000 * kOsMiB;
    sample.cgroup_current = 400 * kOsMiB + n * 500'000;
    sample.cgroup_shmem = 10 * kOsMiB + n * 500'000;
  });
  EXPECT_THAT(one.Ids(), ElementsAre("cgroup.shm_tmpfs"));
  EXPECT_EQ(ExitCode(one.Judge()), 0);
}

TEST(OsRules, SharedMemoryThatStaysIsNotBlamed) {
  OsCase one;
  one.Each([](auto& sample, auto) {
    sample.cgroup_current = 400 * kOsMiB;
    sample.cgroup_shmem = 100 * kOsMiB;
  });
  EXPECT_THAT(one.Ids(), IsEmpty());
}

TEST(OsRules, KernelMemoryIsBlamedOnceItIsMuch) {
  OsCase one;
  const auto grow = [&](Bytes base) {
    one.Each([&](auto& sample, auto n) {
      sample.cgroup_limit = 4000 * kOsMiB;
      sample.cgroup_current = 400 * kOsMiB;
      sample.cgroup_kernel = base + n * 50'000;
    });
  };
  grow(100 * kOsMiB);
  EXPECT_THAT(one.Ids(), ElementsAre("cgroup.kernel"));
  grow(10 * kOsMiB);
  EXPECT_THAT(one.Ids(), IsEmpty());
}

TEST(OsRules, AFullCgroupOfPageCacheBlamesNobody) {
  OsCase one;
  const auto fill = [&](Bytes inactive) {
    one.Each([&](auto& sample, auto) {
      sample.cgroup_limit = 1000 * kOsMiB;
      sample.cgroup_current = 950 * kOsMiB;
      sample.cgroup_inactive_file = inactive;
    });
  };
  fill(500 * kOsMiB);
  ASSERT_THAT(one.Ids(), ElementsAre("cgroup.page_cache"));
  EXPECT_EQ(ExitCode(one.Judge()), 0);
  fill(100 * kOsMiB);
  EXPECT_THAT(one.Ids(), IsEmpty());
}

class ForkedCase : public OsCase {
 public:
  ForkedCase() {
    recording.subject = model::ProcessId{0};
    recording.processes[0].parent = 4700;
    recording.processes.push_back({});
    recording.processes[1].pid = 4700;
    recording.processes[1].python = "3.11.2";
    Private(50 * kOsMiB, 90 * kOsMiB);
  }
  void Private(Bytes before, Bytes after) {
    model::Mapping mapping;
    mapping.end = 100 * kOsMiB;
    mapping.rss = mapping.anonymous = 100 * kOsMiB;
    mapping.private_dirty = before;
    start.mappings = {mapping};
    mapping.private_dirty = after;
    end.mappings = {mapping};
  }
};

TEST(OsRules, SharedPagesThatBecomePrivateWereCopied) {
  const ForkedCase one;
  ASSERT_THAT(one.Ids(), ElementsAre("cow.refcount"));
  const Finding finding = one.Judge().findings[0];
  EXPECT_EQ(finding.bytes_at_stake, 40 * kOsMiB);
  EXPECT_THAT(finding.fix, HasSubstr("gc.freeze()"));
  EXPECT_THAT(finding.prediction, HasSubstr("10.0 MiB"));
}

TEST(OsRules, PagesOfAProcessWhoseParentHasEndedWereNotCopied) {
  ForkedCase one;
  one.recording.processes[1].ended_at = 30;
  EXPECT_THAT(one.Ids(), IsEmpty());
}

TEST(OsRules, MemoryThatIsNewWasNotCopied) {
  ForkedCase one;
  one.end.mappings[0].anonymous += 40 * kOsMiB;
  EXPECT_THAT(one.Ids(), IsEmpty());
}

void Kill(OsCase& one, const std::string& how) {
  one.recording.processes[0].ended = how;
  one.recording.processes[0].ended_at = 60;
  one.Each([](auto& sample, auto) {
    sample.cgroup_limit = 300 * kOsMiB;
    sample.cgroup_current = 297 * kOsMiB;
  });
}

TEST(OsRules, AnOomKillIsSaidWithItsLimitAndWhatHeldMemory) {
  OsCase one;
  Kill(one, "oom");
  one.KeepsFree(0, 20 * kOsMiB);
  ASSERT_THAT(one.Ids(), ElementsAre("oom.memcg"));
  const Finding finding = one.Judge().findings[0];
  EXPECT_THAT(finding.evidence[0].says, HasSubstr("297 MiB of 300 MiB"));
  EXPECT_THAT(finding.evidence.back().says, HasSubstr("malloc retained"));
  EXPECT_THAT(one.Judge().summary, HasSubstr("killed by the kernel for lack of memory"));
}

TEST(OsRules, AKillByHandIsNotForLackOfMemory) {
  OsCase one;
  Kill(one, "signal:9");
  EXPECT_THAT(one.Ids(), ElementsAre("kill.not_memory"));
}

TEST(OsRules, AnOrdinaryEndIsNoKill) {
  OsCase one;
  Kill(one, "exit:0");
  EXPECT_THAT(one.Ids(), IsEmpty());
}

TEST(OsRules, AWorkerThatIsKilledWhileItsParentGoesOnIsSaidOfTheParent) {
  ForkedCase one;
  one.Private(0, 0);
  one.recording.subject = model::ProcessId{1};
  one.recording.processes[0].ended = "oom";
  one.recording.processes[0].ended_at = 40;
  EXPECT_THAT(one.Ids(), ElementsAre("oom.silent_worker"));
  one.recording.subject = model::ProcessId{0};
  EXPECT_THAT(one.Ids(), IsEmpty());
}

}  // namespace
}  // namespace memwhy::analysis
