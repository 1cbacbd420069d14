// SPDX-License-Identifier: Apache-2.0
#include "monitor/top_screen.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace memwhy::monitor {
namespace {

constexpr Bytes kScreenMiB = 1 << 20;

ProcessLook MakeProcess(pid_t pid, const std::string& label, Bytes rss) {
  ProcessLook process;
  process.pid = pid;
  process.start_ticks = 1;
  process.label = label;
  process.rss = rss;
  process.anon = rss;
  process.shmem = 0;
  process.threads = static_cast<std::uint64_t>(pid);
  process.cgroup = "/cg";
  return process;
}

Look MakeLook(double time, std::vector<ProcessLook> processes, Bytes current = 200 * kScreenMiB) {
  Look look;
  look.time = time;
  look.host.total = 1024 * kScreenMiB;
  look.host.available = 512 * kScreenMiB;
  look.host.oom_kills = 2;
  look.processes = std::move(processes);
  look.cgroups["/cg"].current = current;
  look.cgroups["/cg"].limit = 300 * kScreenMiB;
  return look;
}

std::string Text(const TopView& view, std::size_t width = 80, std::size_t height = 24) {
  std::string text;
  const auto lines = DrawTop(view, {"12:00:00", 1}, width, height);
  EXPECT_LE(lines.size(), height);
  for (const ScreenLine& line : lines) {
    EXPECT_LE(line.text.size(), width) << line.text;
    text += line.text + "\n";
  }
  return text;
}

// A leak of 1 MiB per second in process 5, in a cgroup of 300 MiB.
TopView Leaking(int seconds = 10) {
  TopView view;
  for (int i = 0; i < seconds; ++i) {
    const Bytes leaked = static_cast<Bytes>(i) * kScreenMiB;
    view.Add(MakeLook(i,
                      {MakeProcess(9, "python serve.py", 500 * kScreenMiB),
                       MakeProcess(5, "python leak.py", 100 * kScreenMiB + leaked)},
                      200 * kScreenMiB + leaked));
  }
  return view;
}

TEST(TopScreenTest, ShowsGrowthAndTheTimeToTheLimit) {
  const TopView view = Leaking();
  const std::string text = Text(view);
  EXPECT_TRUE(Contains(text, "python leak.py")) << text;
  EXPECT_TRUE(Contains(text, "+1.00 MiB")) << text;
  EXPECT_TRUE(Contains(text, "1 min 31 s")) << text;
  EXPECT_TRUE(Contains(text, "OOM kills 2")) << text;
}

TEST(TopScreenTest, FitsAnyTerminal) {
  TopView view = Leaking();
  view.AddLedger({5, model::Ledger{"rss", "", 0, 10, {{"native", "malloc", 10, 0}}, 0, ""}});
  for (std::size_t width = 1; width < 200; width += 7) {
    for (std::size_t height = 1; height < 40; height += 3) Text(view, width, height);
  }
  view.Key('?');
  Text(view);
}

TEST(TopScreenTest, KeysSortSearchAndChoose) {
  TopView view = Leaking();
  EXPECT_EQ(view.Rows().front().process.pid, 9);
  view.Key('g');
  EXPECT_EQ(view.Rows().front().process.pid, 5);
  view.Key('n');
  EXPECT_EQ(view.Rows().front().process.pid, 9);
  view.Key(TopView::kDown);
  auto rows = view.Rows();
  EXPECT_EQ(view.Selected(rows)->process.pid, 5);
  view.Key(TopView::kDown);
  rows = view.Rows();
  EXPECT_EQ(view.Selected(rows)->process.pid, 5);
  for (const char key : std::string("/serve")) view.Key(key);
  EXPECT_EQ(view.Rows().size(), 1u);
  EXPECT_TRUE(Contains(Text(view), "/serve_"));
  view.Key(TopView::kEscape);
  EXPECT_EQ(view.Rows().size(), 2u);
  EXPECT_FALSE(view.wants_quit());
  view.Key('q');
  EXPECT_TRUE(view.wants_quit());
}

TEST(TopScreenTest, LayersChange) {
  TopView view = Leaking();
  EXPECT_TRUE(Contains(Text(view), "ANON"));
  view.Key('l');
  view.Key('l');
  EXPECT_TRUE(Contains(Text(view), "SHMEM"));
  view.Key('l');
  // Swap was not read: unknown, not 0.
  EXPECT_TRUE(Contains(Text(view), " ? "));
}

TEST(TopScreenTest, ABaselineShowsTheChangeSince) {
  TopView view = Leaking();
  view.Key('d');
  view.Add(MakeLook(20, {MakeProcess(5, "python leak.py", 150 * kScreenMiB),
                         MakeProcess(6, "python young.py", kScreenMiB)}));
  const std::string text = Text(view);
  EXPECT_TRUE(Contains(text, "SINCE d"));
  EXPECT_TRUE(Contains(text, "+41.0 MiB")) << text;
  EXPECT_TRUE(Contains(text, " new ")) << text;
}

TEST(TopScreenTest, AnotherProcessOfTheSamePidStartsAnew) {
  TopView view = Leaking();
  ProcessLook other = MakeProcess(5, "python other.py", kScreenMiB);
  other.start_ticks = 2;
  view.Add(MakeLook(20, {other}));
  EXPECT_FALSE(view.Rows().front().growth);
}

TEST(TopScreenTest, NamesAreEscaped) {
  TopView view;
  view.Add(MakeLook(0, {MakeProcess(5, "python \x1b[31m\n.py", kScreenMiB)}));
  const std::string text = Text(view);
  EXPECT_FALSE(Contains(text, "\x1b"));
  EXPECT_TRUE(Contains(text, "\\x1b[31m"));
}

TEST(TopScreenTest, OfAPythonProcessTheScriptIsShown) {
  ProcessLook process = MakeProcess(5, "python3.11 training_service.py", kScreenMiB);
  process.is_python = true;
  TopView view;
  view.Add(MakeLook(0, {process}));
  EXPECT_TRUE(Contains(Text(view), " training_servic")) << Text(view);
}

TEST(TopScreenTest, KillsSinceTheStartAreAWarning) {
  TopView view = Leaking();
  Look look = MakeLook(20, {MakeProcess(9, "python serve.py", kScreenMiB)});
  look.host.oom_kills = 3;
  view.Add(look);
  const auto lines = DrawTop(view, {"12:00:00", 1}, 80, 24);
  EXPECT_EQ(lines[0].style, LineStyle::kWarning);
  EXPECT_TRUE(Contains(lines[0].text, "OOM kills 3 (+1)"));
}

}  // namespace
}  // namespace memwhy::monitor
