// SPDX-License-Identifier: Apache-2.0
#include "readers/oom_log_reader.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/strings.h"

namespace memwhy::readers {
namespace {

using model::OomKill;
using model::OomLog;
using model::OomScope;

OomLog ReadOom(std::string_view text, std::size_t step = 1 << 20) {
  OomLogReader reader;
  for (std::size_t at = 0; at < text.size(); at += step) reader.Feed(text.substr(at, step));
  return reader.Finish();
}

// As Linux 6.18 writes it, cgroup v1; taken from this kernel.
constexpr const char* kMemcg618 =
    "[  849.654300] python3 invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, "
    "oom_score_adj=0\n"
    "[  849.654331] RIP: 0033:0x7fb0bf78c0ba\n"
    "[  849.654424] memory: usage 40960kB, limit 40960kB, failcnt 54\n"
    "[  849.654430] memory+swap: usage 40960kB, limit 9007199254740988kB, failcnt 0\n"
    "[  849.654434] Memory cgroup stats for /app:\n"
    "[  849.772719] cache 0\n"
    "[  849.772824] Tasks state (memory values in pages):\n"
    "[  849.772825] [  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem "
    "pgtables_bytes swapents oom_score_adj name\n"
    "[  849.772827] [  14410]     0 14410     1423     1000      904       96         0    "
    "15564        0             0 npm start\n"
    "[  849.772829] [  14415]     0 14415    14423    13565    11904     1661         0   "
    "155648        0             0 python3\n"
    "[  849.772834] oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,"
    "oom_memcg=/app,task_memcg=/app/worker,task=python3,pid=14415,uid=0\n"
    "[  849.772858] Memory cgroup out of memory: Killed process 14415 (python3) total-vm:57692kB, "
    "anon-rss:47616kB, file-rss:6644kB, shmem-rss:0kB, UID:0 pgtables:152kB oom_score_adj:0\n"
    "[  849.780000] oom_reaper: reaped process 14415 (python3), now anon-rss:0kB, file-rss:0kB, "
    "shmem-rss:0kB\n";

TEST(OomLogReaderTest, ReadsAKillOfACgroupAsNewKernelsWriteIt) {
  const OomLog log = ReadOom(kMemcg618);
  ASSERT_EQ(log.kills.size(), 1u);
  const OomKill& kill = log.kills[0];
  EXPECT_EQ(kill.pid, 14415u);
  EXPECT_EQ(kill.name, "python3");
  EXPECT_EQ(kill.scope, OomScope::kMemcg);
  EXPECT_EQ(kill.killer, "kernel");
  EXPECT_EQ(kill.cgroup, "/app");
  EXPECT_EQ(kill.victim_cgroup, "/app/worker");
  EXPECT_EQ(kill.limit, 40960u * 1024);
  EXPECT_EQ(kill.usage, 40960u * 1024);
  EXPECT_EQ(kill.anon_rss, 47616u * 1024);
  EXPECT_EQ(kill.file_rss, 6644u * 1024);
  EXPECT_EQ(kill.at, "849.772858");
  EXPECT_EQ(kill.asked_by, "python3");
  EXPECT_FALSE(kill.is_ambiguous);
  ASSERT_EQ(kill.others.size(), 1u);
  EXPECT_EQ(kill.others[0].pid, 14410u);
  EXPECT_EQ(kill.others[0].name, "npm start");
  EXPECT_EQ(kill.others[0].rss, 1000u * 4096);
  EXPECT_EQ(log.unparsed, 0u);
  EXPECT_EQ(log.unfinished, 0u);
}

TEST(OomLogReaderTest, ReadsTheSameInPiecesOfAnySize) {
  for (std::size_t step = 1; step < 80; ++step) {
    const OomLog log = ReadOom(kMemcg618, step);
    ASSERT_EQ(log.kills.size(), 1u) << step;
    EXPECT_EQ(log.kills[0].limit, 40960u * 1024);
    EXPECT_EQ(log.kills[0].others.size(), 1u);
  }
}

TEST(OomLogReaderTest, ReadsAKillOfKernel310ThroughSyslog) {
  const OomLog log = ReadOom(
      "Dec 11 10:48:09 node kernel: thrash invoked oom-killer: gfp_mask=0xd0, order=0, "
      "oom_score_adj=0\n"
      "Dec 11 10:48:09 node kernel: thrash cpuset=91091d mems_allowed=0-1\n"
      "Dec 11 10:48:09 node kernel: Task in /docker/91091d killed as a result of limit of "
      "/docker\n"
      "Dec 11 10:48:09 node kernel: memory: usage 1048576kB, limit 1048576kB, failcnt 12\n"
      "Dec 11 10:48:09 node kernel: Memory cgroup stats for /docker: cache:4KB rss:0KB\n"
      "Dec 11 10:48:09 node kernel: Memory cgroup stats for /docker/91091d: cache:4KB rss:9KB\n"
      "Dec 11 10:48:09 node kernel: [ pid ]   uid  tgid total_vm      rss nr_ptes swapents "
      "oom_score_adj name\n"
      "Dec 11 10:48:09 node kernel: [11500]     0 11500      242        1       5        0         "
      "  -998 pause\n"
      "Dec 11 10:48:09 node kernel: [11554]     0 11554   262244   261000     520        0         "
      "     0 thrash\n"
      "Dec 11 10:48:09 node kernel: Memory cgroup out of memory: Kill process 11554 (thrash) score "
      "997 or sacrifice child\n"
      "Dec 11 10:48:09 node kernel: Killed process 11554 (thrash), UID 0, total-vm:1048976kB, "
      "anon-rss:1043000kB, file-rss:1000kB, shmem-rss:0kB\n");
  ASSERT_EQ(log.kills.size(), 1u);
  const OomKill& kill = log.kills[0];
  EXPECT_EQ(kill.pid, 11554u);
  EXPECT_EQ(kill.scope, OomScope::kMemcg);
  EXPECT_EQ(kill.cgroup, "/docker");
  EXPECT_EQ(kill.victim_cgroup, "/docker/91091d");
  EXPECT_EQ(kill.limit, Bytes{1} << 30);
  EXPECT_EQ(kill.anon_rss, 1043000u * 1024);
  EXPECT_EQ(kill.at, "Dec 11 10:48:09");
  ASSERT_EQ(kill.others.size(), 1u);
  EXPECT_EQ(kill.others[0].name, "pause");
}

TEST(OomLogReaderTest, TrustsWhoWasKilledNotWhoWasChosen) {
  const OomLog log = ReadOom(
      "[100.000001] java invoked oom-killer: gfp_mask=0x201da, order=0, oom_adj=0\n"
      "[100.000002] [ pid ]   uid  tgid total_vm      rss cpu oom_adj oom_score_adj name\n"
      "[100.000003] [ 2000]     0  2000   500000   400000   0       0             0 java\n"
      "[100.000004] [ 2001]     0  2001     5000     4000   1       0             0 helper\n"
      "[100.000005] Out of memory: Kill process 2000 (java) score 900 or sacrifice child\n"
      "[100.000006] Killed process 2001 (helper) total-vm:20000kB, anon-rss:15000kB, "
      "file-rss:1000kB\n");
  ASSERT_EQ(log.kills.size(), 1u);
  EXPECT_EQ(log.kills[0].pid, 2001u);
  EXPECT_EQ(log.kills[0].scope, OomScope::kGlobal);
  EXPECT_EQ(log.kills[0].shmem_rss, std::nullopt);
  ASSERT_EQ(log.kills[0].others.size(), 1u);
  EXPECT_EQ(log.kills[0].others[0].name, "java");
}

TEST(OomLogReaderTest, ReadsGlobalAndNumaKills) {
  const char* format =
      "[5.000001] oom-kill:constraint=CONSTRAINT_{},nodemask=(null),cpuset=/,mems_allowed=0{},"
      "task_memcg=/user.slice,task=a,pid=7,uid=1000\n"
      "[5.000002] Out of memory: Killed process 7 (a) total-vm:8kB, anon-rss:4kB, file-rss:0kB, "
      "shmem-rss:0kB, UID:1000 pgtables:44kB oom_score_adj:0\n";
  const OomLog global = ReadOom(fmt::format(fmt::runtime(format), "NONE", ",global_oom"));
  ASSERT_EQ(global.kills.size(), 1u);
  EXPECT_EQ(global.kills[0].scope, OomScope::kGlobal);
  EXPECT_EQ(global.kills[0].cgroup, std::nullopt);
  EXPECT_EQ(global.kills[0].victim_cgroup, "/user.slice");
  for (const char* constraint : {"CPUSET", "MEMORY_POLICY"}) {
    const OomLog log = ReadOom(fmt::format(fmt::runtime(format), constraint, ""));
    ASSERT_EQ(log.kills.size(), 1u);
    EXPECT_EQ(log.kills[0].scope, OomScope::kCpuset);
  }
  const OomLog old = ReadOom(
      "[5.000001] No available memory (MPOL_BIND): kill process 9 (x) score 3 or a child\n"
      "[5.000002] Killed process 9 (x) vsz:100kB, anon-rss:40kB, file-rss:4kB\n");
  ASSERT_EQ(old.kills.size(), 1u);
  EXPECT_EQ(old.kills[0].scope, OomScope::kCpuset);
}

TEST(OomLogReaderTest, ReadsEveryPrefix) {
  const std::string message =
      "Out of memory: Killed process 42 (srv) total-vm:8kB, anon-rss:4kB, file-rss:0kB, "
      "shmem-rss:0kB";
  struct Case {
    const char* prefix;
    const char* at;
  };
  const Case cases[] = {
      {"", ""},
      {"[  518.050606] ", "518.050606"},
      {"<3>[  518.050606] ", "518.050606"},
      {"[  518.050606][ T1234] ", "518.050606"},
      {"[  518.050606] [  T1234] ", "518.050606"},
      {"3,1234,518050606,-;", "518.050606"},
      {"3,1234,5,-,caller=T9;", "0.000005"},
      {"[Mon Aug 31 18:23:18 2015] ", "Mon Aug 31 18:23:18 2015"},
      {"kern  :err   : [  518.050606] ", "518.050606"},
      {"kern  :err   : [Mon Aug 31 18:23:18 2015] ", "Mon Aug 31 18:23:18 2015"},
      {"2026-11-30T10:00:00,123456+00:00 ", "2026-11-30T10:00:00,123456+00:00"},
      {"May 15 23:09:30 ubuntu kernel: [  518.050606] ", "May 15 23:09:30"},
      {"May  5 23:09:30 ubuntu kernel: ", "May  5 23:09:30"},
      {"avril 16 21:08:50 host kernel: ", "avril 16 21:08:50"},
      {"2026-11-30T10:00:00+0000 host kernel: ", "2026-11-30T10:00:00+0000"},
      {"2026-11-30T10:00:00.123456+01:00 host kernel: [  518.050606] ",
       "2026-11-30T10:00:00.123456+01:00"},
      {"Mon 2026-11-30 10:00:00 UTC host kernel: ", "Mon 2026-11-30 10:00:00 UTC"},
      {"1764496800.123456 host kernel: ", "1764496800.123456"},
      {"[  518.050606] host kernel: ", "518.050606"},
      {"<3>1 2026-11-30T10:00:00Z host kernel - - - ", "2026-11-30T10:00:00Z"},
      {"2023-12-04T10:49:30.127Z In(05) vcpu-5 - Guest: <6>[39291577.009360] ",
       "2023-12-04T10:49:30.127Z"},
      {"\x1b[32m[  518.050606] \x1b[0m", "518.050606"},
  };
  for (const Case& each : cases) {
    const OomLog log = ReadOom(each.prefix + message + "\n");
    ASSERT_EQ(log.kills.size(), 1u) << each.prefix;
    EXPECT_EQ(log.kills[0].at, each.at) << each.prefix;
    EXPECT_EQ(log.kills[0].name, "srv") << each.prefix;
  }
}

TEST(OomLogReaderTest, LeavesOutWhatProgramsQuote) {
  const OomLog log = ReadOom(
      "Dec 11 10:48:09 node kubelet[812]: saw Memory cgroup out of memory: Killed process 1 (x) "
      "total-vm:8kB, anon-rss:4kB\n"
      "Dec 11 10:48:09 node app[812]: Out of memory: Killed process 2 (x) total-vm:8kB\n"
      "Dec 11 10:48:09 node app[812]: [  518.050606] Out of memory: Killed process 2 (x) "
      "total-vm:8kB\n"
      "2026-11-30 10:00:00 ERROR worker: Killed process 3 (x) total-vm:8kB, anon-rss:4kB\n"
      "INFO Killed process 4 (x) because it was slow\n"
      "Killed process 5 (worker)\n"
      "oom_reaper: reaped process 6 (x), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB\n"
      "Out of memory: Kill process 7 (x) score 3 or sacrifice child\n"
      "Memory cgroup out of memory: OOM victim 8 (x) is already exiting. Skip killing the task\n"
      "a.service: A process of this unit has been killed by the OOM killer.\n");
  EXPECT_EQ(log.kills.size(), 0u);
  EXPECT_EQ(log.spared, 1u);
}

TEST(OomLogReaderTest, ANameMayHoldAnything) {
  for (const std::string name :
       {"(resolved)", "a) total-vm:1kB", "x\\x0ay", "", " ", "a (b) c", "p,pid=7,uid=0", ")", "()",
        "Killed process", "\x1b[31mred", "t,task=x,pid=1"}) {
    const OomLog log = ReadOom(
        "1,1,5000000,-;[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents "
        "oom_score_adj name\n"
        "1,2,5000001,-;[      9]     0     9       10       10    1000        0             0 " +
        name +
        "\n1,3,5000002,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,"
        "mems_allowed=0,oom_memcg=/a,task_memcg=/a,task=" +
        name +
        ",pid=42,uid=0\n"
        "1,4,5000003,-;Memory cgroup out of memory: Killed process 42 (" +
        name + ") total-vm:8kB, anon-rss:4kB, file-rss:0kB, shmem-rss:0kB, UID:0\n");
    ASSERT_EQ(log.kills.size(), 1u) << name;
    const std::string expected = name == "x\\x0ay" ? "x\ny" : name;
    EXPECT_EQ(log.kills[0].name, expected);
    EXPECT_EQ(log.kills[0].pid, 42u);
    EXPECT_EQ(log.kills[0].anon_rss, 4096u);
    EXPECT_EQ(log.kills[0].cgroup, "/a") << name;
    if (!name.empty()) {
      ASSERT_EQ(log.kills[0].others.size(), 1u) << name;
      EXPECT_EQ(log.kills[0].others[0].name, expected);
    }
  }
}

// Two kills whose lines alternate.
std::string Interleaved(bool has_caller) {
  const auto block = [&](int pid, const char* cgroup, int limit_kib) {
    const std::string prefix =
        has_caller ? fmt::format("[  10.000000][ T{}] ", pid) : "[  10.000000] ";
    return std::vector<std::string>{
        prefix + fmt::format("w{} invoked oom-killer: gfp_mask=0xcc0, order=0\n", pid),
        prefix + fmt::format("memory: usage {}kB, limit {}kB, failcnt 1\n", limit_kib, limit_kib),
        prefix + fmt::format("Memory cgroup stats for {}:\n", cgroup),
        prefix +
            "[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj "
            "name\n",
        prefix + fmt::format("[{:7}]     0 {:5}     1000     1000    1000        0             0 "
                             "w{}\n",
                             pid, pid, pid),
        prefix + fmt::format("oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,"
                             "mems_allowed=0,oom_memcg={},task_memcg={},task=w{},pid={},uid=0\n",
                             cgroup, cgroup, pid, pid),
        prefix + fmt::format("Memory cgroup out of memory: Killed process {} (w{}) total-vm:8kB, "
                             "anon-rss:4000kB, file-rss:0kB, shmem-rss:0kB\n",
                             pid, pid)};
  };
  const auto a = block(100, "/a", 1000);
  const auto b = block(200, "/b", 2000);
  std::string text;
  for (std::size_t i = 0; i < a.size(); ++i) text += a[i] + b[i];
  return text;
}

TEST(OomLogReaderTest, TellsInterleavedKillsApartByWhoWrites) {
  const OomLog log = ReadOom(Interleaved(true));
  ASSERT_EQ(log.kills.size(), 2u);
  EXPECT_EQ(log.kills[0].pid, 100u);
  EXPECT_EQ(log.kills[0].cgroup, "/a");
  EXPECT_EQ(log.kills[0].limit, 1000u * 1024);
  EXPECT_EQ(log.kills[1].cgroup, "/b");
  EXPECT_EQ(log.kills[1].limit, 2000u * 1024);
  EXPECT_EQ(log.kills[0].others.size(), 0u);
  EXPECT_FALSE(log.kills[0].is_ambiguous || log.kills[1].is_ambiguous);
}

TEST(OomLogReaderTest, TellsInterleavedKillsApartByTheirOrderAndPaths) {
  const OomLog log = ReadOom(Interleaved(false));
  ASSERT_EQ(log.kills.size(), 2u);
  EXPECT_EQ(log.kills[0].cgroup, "/a");
  EXPECT_EQ(log.kills[0].limit, 1000u * 1024);
  EXPECT_EQ(log.kills[1].cgroup, "/b");
  EXPECT_EQ(log.kills[1].limit, 2000u * 1024);
}

TEST(OomLogReaderTest, AGroupKillTakesAllFromOneEpisode) {
  std::string text = kMemcg618;
  const std::string reaper = "[  849.780000]";
  text.insert(text.find(reaper),
              "[  849.772860] Tasks in /app are going to be killed due to memory.oom.group set\n"
              "[  849.772861] Memory cgroup out of memory: Killed process 14410 (npm start) "
              "total-vm:5692kB, anon-rss:3616kB, file-rss:384kB, shmem-rss:0kB, UID:0\n");
  const OomLog log = ReadOom(text);
  ASSERT_EQ(log.kills.size(), 2u);
  EXPECT_EQ(log.kills[1].pid, 14410u);
  EXPECT_EQ(log.kills[1].limit, 40960u * 1024);
  EXPECT_EQ(log.kills[1].cgroup, "/app");
}

TEST(OomLogReaderTest, AKillThatTwoProgramsWroteCountsOnce) {
  const OomLog log = ReadOom(std::string(kMemcg618) + kMemcg618);
  EXPECT_EQ(log.kills.size(), 1u);
  EXPECT_EQ(log.duplicates, 1u);
  std::string doubled;
  for (const std::string_view line : SplitLines(kMemcg618)) {
    for (int i = 0; i < 2; ++i) doubled += std::string(line) + "\n";
  }
  const OomLog twice = ReadOom(doubled);
  ASSERT_EQ(twice.kills.size(), 1u);
  EXPECT_EQ(twice.kills[0].others.size(), 1u);
}

TEST(OomLogReaderTest, AnUnfinishedEpisodeLendsNothingToALaterKill) {
  std::string text =
      "[  100.000000] old invoked oom-killer: gfp_mask=0xcc0, order=0\n"
      "[  100.000001] memory: usage 8kB, limit 8kB, failcnt 54\n";
  const OomLog log = ReadOom(text + kMemcg618);
  ASSERT_EQ(log.kills.size(), 1u);
  EXPECT_EQ(log.kills[0].limit, 40960u * 1024);
  EXPECT_EQ(log.kills[0].asked_by, "python3");
  EXPECT_EQ(log.unfinished, 1u);
}

TEST(OomLogReaderTest, ReadsSystemdOomd) {
  const OomLog log = ReadOom(
      "May 07 14:29:23 host systemd-oomd[1852]: Considered 50 cgroups for killing, top candidates "
      "were:\n"
      "May 07 14:29:23 host systemd-oomd[1852]:         Path: /system.slice/nix-daemon.service\n"
      "May 07 14:29:23 host systemd-oomd[1852]:                 Current Memory Usage: 43.3G\n"
      "May 07 14:29:23 host systemd-oomd[1852]:         Path: /user.slice/a.scope\n"
      "May 07 14:29:23 host systemd-oomd[1852]:                 Current Memory Usage: 1.5G\n"
      "May 07 14:29:23 host systemd-oomd[1852]: Killed /user.slice/a.scope due to memory pressure "
      "for /user.slice being 51.07% > 50.00% for > 20s with reclaim activity\n"
      "May 07 14:29:23 host systemd[1]: a.scope: systemd-oomd killed 12 process(es) in this unit.\n"
      "May 07 14:30:00 host systemd-oomd[1852]: Marked /system.slice/b.service for killing due to "
      "memory pressure for /system.slice being 85.03% > 80.00% for > 2s with reclaim activity\n"
      "May 07 14:30:00 host systemd[1]: b.service: systemd-oomd killed 1 process(es) in this "
      "unit.\n");
  ASSERT_EQ(log.kills.size(), 2u);
  EXPECT_EQ(log.kills[0].scope, OomScope::kUserspace);
  EXPECT_EQ(log.kills[0].cgroup, "/user.slice/a.scope");
  EXPECT_EQ(log.kills[0].pid, std::nullopt);
  EXPECT_EQ(log.kills[0].processes, 12u);
  EXPECT_EQ(log.kills[0].usage, 1536u << 20);
  ASSERT_EQ(log.kills[0].others.size(), 1u);
  EXPECT_EQ(log.kills[0].others[0].name, "/system.slice/nix-daemon.service");
  EXPECT_EQ(log.kills[1].cgroup, "/system.slice/b.service");
  EXPECT_EQ(log.kills[1].processes, 1u);
}

TEST(OomLogReaderTest, ReadsEarlyoom) {
  const OomLog log = ReadOom(
      "mars 27 18:46:05 pc earlyoom[1460]: sending SIGTERM when mem <=  4.00% and swap <= 10.00%,\n"
      "mars 27 18:46:05 pc earlyoom[1460]:         SIGKILL when mem <=  2.00% and swap <=  5.00%\n"
      "mars 27 19:46:06 pc earlyoom[1460]: sending SIGTERM to process 4711 uid 1000 \"py\": x\": "
      "oom_score 842, VmRSS 123 MiB, cmdline \"python a.py\"\n"
      "mars 27 19:46:07 pc earlyoom[1460]: sending SIGKILL to process 4711 uid 1000 \"py\": x\": "
      "oom_score 842, VmRSS 123 MiB\n"
      "mars 27 19:50:00 pc earlyoom[1460]: sending SIGTERM to process 4800 uid 1000 \"b\": badness "
      "5, VmRSS 1 MiB\n"
      "mars 27 19:50:00 pc earlyoom[1460]: dryrun, not actually sending any signal\n");
  ASSERT_EQ(log.kills.size(), 1u);
  EXPECT_EQ(log.kills[0].pid, 4711u);
  EXPECT_EQ(log.kills[0].name, "py\": x");
  EXPECT_EQ(log.kills[0].killer, "earlyoom");
  EXPECT_EQ(log.kills[0].rss, 123u << 20);
  EXPECT_EQ(log.unparsed, 0u);
}

TEST(OomLogReaderTest, RowsCountPagesOfTheMachineThatWroteThem) {
  const OomLog log = ReadOom(
      "[5.000001] [  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj "
      "name\n"
      "[5.000002] [      7]     0     7     1000      100    1000        0             0 a\n"
      "[5.000003] [      8]     0     8     1000       50    1000        0             0 b\n"
      "[5.000004] Out of memory: Killed process 7 (a) total-vm:64000kB, anon-rss:6400kB, "
      "file-rss:0kB, shmem-rss:0kB\n");
  ASSERT_EQ(log.kills.size(), 1u);
  ASSERT_EQ(log.kills[0].others.size(), 1u);
  EXPECT_EQ(log.kills[0].others[0].rss, 50u * 65536);
}

TEST(OomLogReaderTest, ACutLineGivesNoWrongNumber) {
  const std::string text = kMemcg618;
  const std::size_t killed = text.find("Killed process 14415");
  for (std::size_t end = 0; end <= text.size(); ++end) {
    const OomLog log = ReadOom(std::string_view(text).substr(0, end));
    const std::size_t name_end = killed + std::string("Killed process 14415 (python3)").size();
    EXPECT_EQ(log.kills.size(), end >= name_end ? 1u : 0u) << end;
    for (const OomKill& kill : log.kills) {
      EXPECT_EQ(kill.pid, 14415u);
      EXPECT_EQ(kill.name, "python3");
      EXPECT_EQ(kill.anon_rss.value_or(47616u * 1024), 47616u * 1024) << end;
      EXPECT_EQ(kill.file_rss.value_or(6644u * 1024), 6644u * 1024) << end;
    }
  }
  // The front is gone: the kill is there, what is not told is unknown.
  for (std::size_t begin = 0; begin < text.rfind('\n', killed); ++begin) {
    const OomLog log = ReadOom(std::string_view(text).substr(begin));
    ASSERT_EQ(log.kills.size(), 1u) << begin;
    EXPECT_EQ(log.kills[0].limit.value_or(40960u * 1024), 40960u * 1024) << begin;
  }
}

TEST(OomLogReaderTest, AnyFlippedByteIsSurvived) {
  const std::string text = kMemcg618;
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (const char change : {'\0', '\n', '(', ']', '\xff'}) {
      std::string damaged = text;
      damaged[at] = change;
      EXPECT_LE(ReadOom(damaged).kills.size(), 1u) << at;
    }
  }
}

TEST(OomLogReaderTest, AnEndlessLineIsBounded) {
  OomLogReader reader;
  const std::string piece(1 << 20, 'x');
  for (int i = 0; i < 8; ++i) reader.Feed(piece);
  reader.Feed(std::string("\n") + kMemcg618);
  EXPECT_EQ(reader.Finish().kills.size(), 1u);
}

}  // namespace
}  // namespace memwhy::readers
