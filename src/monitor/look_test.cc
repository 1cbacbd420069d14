// SPDX-License-Identifier: Apache-2.0
#include "monitor/look.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/fake_file_system.h"

namespace memwhy::monitor {
namespace {

std::string StatLine(pid_t pid, const std::string& name, pid_t parent, std::uint64_t threads,
                     std::uint64_t start, std::uint64_t pages) {
  return fmt::format("{} ({}) S {} 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 {} 0 {} 1000000 {} 0 0 0\n", pid,
                     name, parent, threads, start, pages);
}

class LookTest : public ::testing::Test {
 protected:
  void AddProcess(pid_t pid, const std::string& name, pid_t parent, std::uint64_t rss_kib,
                  const std::string& command_line, const std::string& cgroup = "/app") {
    const std::string folder = fmt::format("/proc/{}", pid);
    const Bytes page = static_cast<Bytes>(sysconf(_SC_PAGESIZE));
    fs_.AddFile(folder + "/stat", StatLine(pid, name, parent, 3, 100, rss_kib * 1024 / page));
    fs_.AddFile(folder + "/status",
                fmt::format("Name:\t{}\nVmPTE:\t      40 kB\nVmSwap:\t       8 kB\n"
                            "RssAnon:\t{:8} kB\nRssFile:\t      64 kB\nRssShmem:\t       0 kB\n",
                            name, rss_kib - 64));
    fs_.AddFile(folder + "/cmdline", command_line);
    fs_.AddFile(folder + "/cgroup", "0::" + cgroup + "\n");
  }

  FakeFileSystem fs_;
};

using namespace std::string_literals;

TEST_F(LookTest, ListsThePythonsOfTheHostLargestFirst) {
  fs_.AddFile("/proc/meminfo", "MemTotal:  1000 kB\nMemAvailable:  600 kB\n");
  fs_.AddFile("/proc/vmstat", "pgfault 7\noom_kill 3\n");
  AddProcess(10, "python3", 1, 1024, "python3\0serve.py\0--password\0secret\0"s);
  AddProcess(11, "gunicorn: wor) 4", 10, 2048, "/opt/venv/bin/python3.11\0-m\0gunicorn\0"s);
  AddProcess(12, "postgres", 1, 9000, "postgres\0"s);
  Looker looker(&fs_, LookOptions{});
  const auto look = looker.Take(1);
  ASSERT_TRUE(look) << look.error().message();
  EXPECT_EQ(look->host.total, 1000u * 1024);
  EXPECT_EQ(look->host.oom_kills, 3u);
  EXPECT_EQ(look->processes_seen, 3u);
  ASSERT_EQ(look->processes.size(), 2u);
  EXPECT_EQ(look->processes[0].pid, 11);
  EXPECT_EQ(look->processes[0].label, "python3.11 -m gunicorn");
  EXPECT_EQ(look->processes[0].rss, 2048u * 1024);
  EXPECT_EQ(look->processes[0].anon, 1984u * 1024);
  EXPECT_EQ(look->processes[0].swap, 8u * 1024);
  EXPECT_EQ(look->processes[0].page_tables, 40u * 1024);
  EXPECT_EQ(look->processes[0].threads, 3u);
  EXPECT_EQ(look->processes[1].label, "python3 serve.py");
  looker.set_python_only(false);
  EXPECT_EQ(looker.Take(2)->processes.size(), 3u);
}

TEST_F(LookTest, FollowsATreeAndNoStranger) {
  AddProcess(30, "python3", 1, 100, "python3\0a.py\0"s);
  AddProcess(20, "sh", 30, 100, "sh\0"s);
  AddProcess(10, "python3", 20, 100, "python3\0b.py\0"s);
  AddProcess(40, "python3", 1, 100, "python3\0c.py\0"s);
  LookOptions options;
  options.pids = {30};
  options.tree = true;
  Looker looker(&fs_, options);
  const auto look = looker.Take(1);
  ASSERT_TRUE(look);
  EXPECT_EQ(look->processes.size(), 3u);
  for (const ProcessLook& process : look->processes) EXPECT_NE(process.pid, 40);
}

TEST_F(LookTest, AProcessThatIsGoneIsAnError) {
  LookOptions options;
  options.pids = {77};
  Looker looker(&fs_, options);
  EXPECT_FALSE(looker.Take(1));
}

TEST_F(LookTest, ReadsCgroupsOfBothVersions) {
  fs_.AddFile("/proc/self/mountinfo",
              "35 31 0:32 / /cg rw - cgroup2 cgroup2 rw\n"
              "36 31 0:33 / /cg1 rw - cgroup cgroup rw,memory\n");
  AddProcess(10, "python3", 1, 100, "python3\0a.py\0"s, "/app");
  fs_.AddFile("/cg/app/memory.current", "1000\n")
      .AddFile("/cg/app/memory.max", "4000\n")
      .AddFile("/cg/app/memory.stat", "anon 500\ninactive_file 300\n")
      .AddFile("/cg/app/memory.events", "oom_kill 2\n");
  AddProcess(11, "python3", 1, 100, "python3\0b.py\0"s);
  fs_.AddFile("/proc/11/cgroup", "4:memory:/old\n0::/\n");
  fs_.AddFile("/cg1/old/memory.usage_in_bytes", "2000\n")
      .AddFile("/cg1/old/memory.limit_in_bytes", "8000\n")
      .AddFile("/cg1/old/memory.stat", "total_rss 5\ntotal_inactive_file 100\n")
      .AddFile("/cg1/old/memory.oom_control", "oom_kill 1\n");
  Looker looker(&fs_, LookOptions{});
  const auto look = looker.Take(1);
  ASSERT_TRUE(look);
  ASSERT_EQ(look->cgroups.size(), 2u);
  const CgroupLook& v2 = look->cgroups.at("/cg/app");
  EXPECT_EQ(v2.current, 1000u);
  EXPECT_EQ(v2.limit, 4000u);
  EXPECT_EQ(v2.working_set, 700u);
  EXPECT_EQ(v2.oom_kills, 2u);
  const CgroupLook& v1 = look->cgroups.at("/cg1/old");
  EXPECT_EQ(v1.working_set, 1900u);
  EXPECT_EQ(v1.limit, 8000u);
}

TEST_F(LookTest, ALabelNeverHasArguments) {
  EXPECT_EQ(LabelOf({"python3", "-X", "dev", "-u", "/srv/app.py", "--token", "s"}, "x"),
            "python3 app.py");
  EXPECT_EQ(LabelOf({"python3", "-c", "password='s'"}, "x"), "python3 -c");
  EXPECT_EQ(LabelOf({"/usr/bin/uwsgi", "--secret=s"}, "x"), "uwsgi");
  EXPECT_EQ(LabelOf({"python3"}, "x"), "python3");
  EXPECT_EQ(LabelOf({}, "kworker"), "kworker");
}

TEST_F(LookTest, ADamagedStatIsNoProcess) {
  const std::string whole = StatLine(10, "python3", 1, 3, 100, 25);
  EXPECT_TRUE(ParseLookStat(whole, 4096));
  for (std::size_t end = 0; end < whole.find(" 25 "); ++end) {
    EXPECT_FALSE(ParseLookStat(whole.substr(0, end), 4096)) << end;
  }
}

}  // namespace
}  // namespace memwhy::monitor
