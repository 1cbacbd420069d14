// SPDX-License-Identifier: Apache-2.0
#include "report/verdict/verdict_text.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iterator>
#include <optional>
#include <string_view>

#include "analysis/capture_checks.h"
#include "base/bytes.h"
#include "base/strings.h"
#include "base/terminal_text.h"
#include "report/ledger/ledger_rows.h"
#include "report/ledger/ledger_text.h"
#include "report/parts/rss_points.h"
#include "report/parts/wrap.h"

namespace memwhy::report {
namespace {

using analysis::Finding;
using analysis::Verdict;

constexpr std::size_t kProcessesSaid = 4;

std::string Upper(std::string_view text) {
  std::string upper(text);
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return upper;
}

// "PID 4712 +3.10 MiB per minute, PID 4713 +3.00 MiB per minute".
std::string SharesText(const Finding& finding) {
  std::string text;
  for (std::size_t i = 0; i < finding.processes.size(); ++i) {
    const analysis::FindingProcess& one = finding.processes[i];
    if (i == kProcessesSaid) {
      return text + fmt::format(", and {} more", finding.processes.size() - i);
    }
    if (i > 0) text += ", ";
    text += fmt::format("PID {}", one.pid);
    if (one.growth_bytes_per_second > 0) {
      text += fmt::format(" {} per minute",
                          FormatSignedBytes(std::llround(one.growth_bytes_per_second * 60)));
    }
  }
  return text;
}

std::string ProcessesText(const Verdict& verdict) {
  std::string text;
  std::size_t said = 0;
  for (const analysis::ProcessRow& row : verdict.processes) {
    if (said == kProcessesSaid) {
      return text +
             fmt::format("            and {} more processes\n", verdict.processes.size() - said);
    }
    std::string line = fmt::format("PID {}", row.pid);
    if (!row.role.empty()) line += fmt::format(" ({})", row.role);
    line += ": ";
    // What is missing stands with the check in full.
    line += !row.why.empty() ? row.why.substr(0, row.why.find_first_of(":,"))
            : row.word       ? std::string(Name(*row.word))
                             : "not judged";
    if (row.growth_bytes_per_second > 0) {
      line += fmt::format(", {} per minute",
                          FormatSignedBytes(std::llround(row.growth_bytes_per_second * 60)));
    }
    text += Wrap(said == 0 ? "  processes " : "            ", line);
    ++said;
  }
  return text;
}

// A part of the text, and how soon it leaves the first screen where that is full. What stays says
// how it stands, who, where, and what to do next.
struct Block {
  std::string text;
  int leaves = 0;  // highest first; kStays never
};
constexpr int kStays = 0;
constexpr std::size_t kScreenLines = 24;

std::size_t LinesOf(const Block& block) {
  return static_cast<std::size_t>(std::count(block.text.begin(), block.text.end(), '\n'));
}

// In their order, but that those that do not fit on a screen follow behind it.
std::string FitScreen(const std::vector<Block>& blocks) {
  std::vector<bool> is_behind(blocks.size());
  std::size_t lines = 0;
  for (const Block& block : blocks) lines += LinesOf(block);
  while (lines > kScreenLines) {
    std::optional<std::size_t> leaves;
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      if (is_behind[i] || blocks[i].leaves == kStays) continue;
      if (!leaves || blocks[i].leaves > blocks[*leaves].leaves) leaves = i;
    }
    if (!leaves) break;
    is_behind[*leaves] = true;
    lines -= LinesOf(blocks[*leaves]);
  }
  std::string text;
  for (const bool behind : {false, true}) {
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      if (is_behind[i] == behind) text += blocks[i].text;
    }
  }
  return text;
}

std::string RssText(const model::Recording& recording, const Verdict& verdict) {
  const auto rss = RssOverWindow(recording, verdict);
  if (!rss) return "  rss       unknown\n";
  const SignedBytes change =
      static_cast<SignedBytes>(rss->last) - static_cast<SignedBytes>(rss->first);
  const bool is_one_of_many =
      verdict.processes.size() > 1 && verdict.process.value < recording.processes.size();
  return Wrap(
      "  rss       ",
      fmt::format("{} -> {}, {} from {:.1f} s to {:.1f} s ({}){}", FormatBytes(rss->first),
                  FormatBytes(rss->last), FormatSignedBytes(change), verdict.window_from,
                  verdict.window_to, TrendName(verdict.rss.trend),
                  is_one_of_many
                      ? fmt::format(", PID {}", recording.processes[verdict.process.value].pid)
                      : std::string()));
}

std::vector<Block> KeyFacts(const model::Recording& recording, const Verdict& verdict) {
  std::vector<Block> blocks{{RssText(recording, verdict), 1}};
  blocks.push_back(
      {Wrap("  live      ",
            verdict.live.bins == 0
                ? std::string("unknown")
                : fmt::format("{}/s ({})", FormatSignedBytes(std::llround(verdict.live.slope)),
                              TrendName(verdict.live.trend))),
       4});
  if (verdict.operations_per_second) {
    blocks.push_back(
        {Wrap("  traffic   ", fmt::format("{} {}s, {} per second", FormatCount(verdict.operations),
                                          verdict.operation_name,
                                          analysis::CountText(*verdict.operations_per_second))),
         3});
  }
  blocks.push_back({ProcessesText(verdict), 2});
  if (recording.lost_events > 0 || !recording.complete) {
    blocks.push_back({Wrap("  warning   ", fmt::format("{}; confidence is lowered",
                                                       analysis::IncompleteText(recording))),
                      1});
  }
  return blocks;
}

std::string LineText(const char* label, const analysis::WhoAllocated& who) {
  const std::string place = who.line > 0 ? fmt::format("{}:{}", who.file, who.line) : who.file;
  return Wrap(label, fmt::format("{}  {}", place, who.callable));
}

// Who holds it.
void AddHolder(const Finding& finding, std::vector<Block>& blocks) {
  if (finding.who_holds) {
    blocks.push_back({Wrap("   holder    ", fmt::format("{} ({})", finding.who_holds->holder,
                                                        finding.who_holds->root)),
                      kStays});
    blocks.push_back({Wrap("   path      ", finding.who_holds->text), 8});
    if (finding.who_holds->filled_by) {
      blocks.push_back({LineText("   put there ", *finding.who_holds->filled_by), 6});
    }
  } else if (finding.kind != analysis::Kind::kAllocatorRetention) {
    blocks.push_back({"   holder    unknown\n", kStays});
  }
}

std::vector<Block> FindingBlocks(const Verdict& verdict, const Finding& finding,
                                 std::size_t number) {
  std::string head = fmt::format("{}. {}  [{}, {}]", number, Name(finding.kind),
                                 Name(finding.severity), Name(finding.confidence));
  if (finding.share_of_growth) {
    head += fmt::format("  {:.0f} % of the growth", *finding.share_of_growth * 100);
  }
  std::vector<Block> blocks{{"\n" + head + "\n", kStays}};
  // The summary has just said it of the first one.
  if (!Contains(verdict.summary, finding.title)) {
    blocks.push_back({Wrap("   ", finding.title + "."), kStays});
  }
  if (finding.who_allocated) {
    blocks.push_back({LineText("   line      ", *finding.who_allocated), kStays});
    const analysis::WhoAllocated& who = *finding.who_allocated;
    if (!who.native_function.empty() && !who.native_library.empty()) {
      blocks.push_back(
          {Wrap("   native    ", fmt::format("{} in {}", EscapeName(who.native_function),
                                             EscapeName(who.native_library))),
           kStays});
    }
  }
  AddHolder(finding, blocks);
  if (finding.growth_bytes_per_second > 0) {
    std::string growth = FormatBytes(RoundToBytes(finding.growth_bytes_per_second)) + " per second";
    if (finding.growth_bytes_per_operation) {
      growth = fmt::format(
          "{} per {}, {}", FormatBytes(RoundToBytes(*finding.growth_bytes_per_operation)),
          verdict.operation_name.empty() ? "operation" : verdict.operation_name, growth);
    }
    blocks.push_back({Wrap("   growth    ", growth), 1});
  }
  if (verdict.processes.size() > 1 && !finding.processes.empty()) {
    blocks.push_back({Wrap("   processes ", SharesText(finding)), 5});
  }
  blocks.push_back({Wrap("   at stake  ", FormatBytes(finding.bytes_at_stake)), 9});
  for (const analysis::Outcome& outcome : finding.outcomes) {
    blocks.push_back({Wrap("   tried     ", outcome.experiment.empty()
                                                ? outcome.says
                                                : fmt::format("{}: {}: {}", outcome.experiment,
                                                              Name(outcome.result), outcome.says)),
                      1});
  }
  blocks.push_back({Wrap("   outlook   ", finding.prediction), 7});
  if (!finding.fix.empty()) blocks.push_back({Wrap("   fix       ", finding.fix), kStays});
  return blocks;
}

std::string FindingText(const Verdict& verdict, const Finding& finding, std::size_t number) {
  std::string text;
  for (const Block& block : FindingBlocks(verdict, finding, number)) text += block.text;
  return text;
}

// The answer, with the finding that matters most and what to do next.
std::string FirstScreen(const model::Recording& recording, const Verdict& verdict) {
  std::vector<Block> blocks{{Wrap(Upper(Name(verdict.word)) + "  ", verdict.summary), kStays}};
  std::ranges::move(KeyFacts(recording, verdict), std::back_inserter(blocks));
  if (!verdict.findings.empty()) {
    const Finding& first = verdict.findings.front();
    std::ranges::move(FindingBlocks(verdict, first, 1), std::back_inserter(blocks));
    if (!first.next_step.command.empty()) {
      blocks.push_back(
          {Wrap("   next      ", first.next_step.command + " (" + first.next_step.why + ")"),
           kStays});
    }
  }
  return FitScreen(blocks);
}

std::string EvidenceText(const Finding& finding) {
  std::string text;
  for (const analysis::Evidence& evidence : finding.evidence) {
    text += Wrap("   - ", fmt::format("{} [{}]", evidence.says, evidence.source));
  }
  if (!finding.would_disprove.empty()) {
    text += Wrap("   would disprove it: ", finding.would_disprove);
  }
  return text;
}

std::string SuppressedText(const Verdict& verdict) {
  std::string text;
  for (const analysis::Suppressed& one : verdict.suppressed) {
    text += text.empty() ? "\nSuppressed\n" : "";
    text += Wrap("  ", one.finding.title + ".");
    text += Wrap("    ", fmt::format("line {}: {}", one.line, one.reason));
  }
  return text;
}

// "python pymalloc in use -30.1 MiB".
std::string ShareChangeText(const analysis::ShareChange& share) {
  return fmt::format("{} {} {}", share.layer, share.name,
                     FormatSignedBytes(static_cast<SignedBytes>(share.after) -
                                       static_cast<SignedBytes>(share.before)));
}

std::string ExperimentsText(const Verdict& verdict) {
  std::string text;
  for (const analysis::Experiment& one : verdict.experiments) {
    text += text.empty() ? "\nTried\n" : "";
    const std::string name = fmt::format("  {} in PID {}: ", one.what, one.pid);
    if (!one.error.empty()) {
      text += Wrap(name, "not done: " + one.error + ".");
      continue;
    }
    text += Wrap(name, fmt::format("{:.1f} ms (predicted at most {:.0f} ms); {}.", one.pause_ms,
                                   std::ceil(one.predicted_ms), one.answer));
    if (!one.rss_before || !one.rss_after) {
      text += "    what it gave back is unknown\n";
      continue;
    }
    std::string changes =
        fmt::format("rss {} -> {}", FormatBytes(*one.rss_before), FormatBytes(*one.rss_after));
    for (const analysis::ShareChange& share : one.changes) changes += "; " + ShareChangeText(share);
    text += Wrap("    ", changes + ".");
  }
  return text;
}

std::string ChecksText(const Verdict& verdict) {
  std::string text = "\nChecked\n";
  for (const analysis::Check& check : verdict.checks) {
    text += Wrap(fmt::format("  {:<15}{:<24}", Name(check.result), check.id), check.why);
  }
  return text;
}

}  // namespace

std::string VerdictText(const model::Recording& recording, const Verdict& verdict,
                        const std::vector<model::Ledger>& ledgers) {
  std::string text = FirstScreen(recording, verdict);
  std::size_t number = 0;
  for (const Finding& finding : verdict.findings) {
    if (++number > 1) text += FindingText(verdict, finding, number);
    text += EvidenceText(finding);
  }
  text += SuppressedText(verdict);
  text += ExperimentsText(verdict);
  const bool is_limited =
      std::any_of(recording.os_samples.begin(), recording.os_samples.end(),
                  [](const model::OsSample& sample) { return sample.cgroup_limit.has_value(); });
  for (const char* account : {"rss", "cgroup"}) {
    // Without a limit the charge is nobody's worry; findings.json has it.
    if (account == std::string_view("cgroup") && !is_limited) continue;
    if (const auto table = MakeLedgerTable(ledgers, account)) {
      text += "\n" + LedgerText(*table, fmt::format("Where {} lies", account));
      if (table->attributed) {
        text += fmt::format("  {:.0f} % is attributed.\n", *table->attributed * 100);
      }
    }
  }
  text += ChecksText(verdict);
  return text;
}

}  // namespace memwhy::report
