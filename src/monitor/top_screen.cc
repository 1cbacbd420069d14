// SPDX-License-Identifier: Apache-2.0
#include "monitor/top_screen.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "base/terminal_text.h"

namespace memwhy::monitor {
namespace {

constexpr double kNearLimit = 0.85;

// At most `width` characters of UTF-8.
std::string CutCharacters(const std::string& text, std::size_t width) {
  std::size_t characters = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool begins = (static_cast<unsigned char>(text[at]) & 0xc0) != 0x80;
    if (begins && characters++ == width) return text.substr(0, at);
  }
  return text;
}

std::string Or(const std::optional<Bytes>& bytes) { return bytes ? FormatBytes(*bytes) : "?"; }

// "+1.20 MiB", per second; "0 B" below what pages can tell.
std::string Rate(const std::optional<double>& rate) {
  if (!rate) return "";
  if (std::abs(*rate) < 512) return "0 B";
  return FormatSignedBytes(static_cast<SignedBytes>(std::clamp(*rate, -9e15, 9e15)));
}

std::string Until(const std::optional<double>& seconds) {
  return seconds ? FormatSeconds(std::round(*seconds)) : "";
}

const char* SortName(SortBy sort) {
  switch (sort) {
    case SortBy::kTotal:
      return "rss";
    case SortBy::kSelf:
      return "anonymous";
    case SortBy::kCount:
      return "threads";
    case SortBy::kGrowth:
      return "growth";
  }
  return "";
}

class Screen {
 public:
  Screen(const TopView& view, const ScreenHead& head, std::size_t width, std::size_t height)
      : view_(view), head_(head), width_(width), height_(height) {}

  std::vector<ScreenLine> Draw() {
    if (view_.shows_help()) {
      Help();
    } else {
      const std::vector<TopRow> rows = view_.Rows();
      Host();
      Cgroup(view_.Selected(rows));
      Table(rows);
      Bottom(rows);
    }
    if (lines_.size() > height_) lines_.resize(height_);
    return std::move(lines_);
  }

 private:
  void Line(const std::string& text, LineStyle style = LineStyle::kPlain) {
    lines_.push_back({CutCharacters(text, width_), style});
  }

  void Host() {
    const HostLook& host = view_.look().host;
    std::string text = fmt::format("memwhy top {}  {} of {} free", head_.clock, Or(host.available),
                                   Or(host.total));
    if (host.swap_total && *host.swap_total > 0 && host.swap_free) {
      text +=
          fmt::format(", swap {} used",
                      FormatBytes(*host.swap_total - std::min(*host.swap_total, *host.swap_free)));
    }
    if (host.oom_kills) {
      text += fmt::format(", OOM kills {}", *host.oom_kills);
      const auto more = view_.host_kills_since_start();
      if (more.value_or(0) > 0) text += fmt::format(" (+{})", *more);
    }
    Line(text,
         view_.host_kills_since_start().value_or(0) > 0 ? LineStyle::kWarning : LineStyle::kHead);
  }

  void Cgroup(const TopRow* row) {
    if (row == nullptr || !row->cgroup_current) {
      Line(row == nullptr ? "" : "cgroup: no memory cgroup that may be read", LineStyle::kDim);
      return;
    }
    std::string text = fmt::format("cgroup of {}: {}", row->process.pid, Or(row->cgroup_current));
    bool is_near = false;
    if (row->cgroup_limit && *row->cgroup_limit > 0) {
      const double part =
          static_cast<double>(*row->cgroup_current) / static_cast<double>(*row->cgroup_limit);
      is_near = part > kNearLimit;
      text += fmt::format(" of {} ({:.0f} %)", Or(row->cgroup_limit), part * 100);
      const Bytes left = *row->cgroup_limit - std::min(*row->cgroup_limit, *row->cgroup_current);
      text += fmt::format(", {} left", FormatBytes(left));
      if (row->seconds_to_limit) text += ", full in about " + Until(row->seconds_to_limit);
    } else {
      text += ", no limit";
    }
    Line(text, is_near ? LineStyle::kWarning : LineStyle::kHead);
  }

  void Table(const std::vector<TopRow>& rows) {
    const char* change = view_.has_baseline() ? "SINCE d" : "GROWTH/s";
    Line(fmt::format("{:>7} {:>9} {:>10} {:>9} {:>10} {:>4} {:>9} {}", "PID", "RSS", change,
                     LayerName(view_.layer()), "GROWTH/s", "THR", "FULL IN", "PROGRAM"),
         LineStyle::kHead);
    const std::vector<ShareRow> shares = view_.Shares();
    // What is below the table: the ledger of one process, and the last line.
    const std::size_t below = shares.empty() ? 1 : std::min(shares.size(), height_ / 2) + 3;
    const std::size_t room = height_ > lines_.size() + below ? height_ - lines_.size() - below : 1;
    const TopRow* selected = view_.Selected(rows);
    const std::size_t at =
        selected == nullptr ? 0 : static_cast<std::size_t>(selected - rows.data());
    const std::size_t first = at >= room ? at - room + 1 : 0;
    for (std::size_t i = first; i < rows.size() && i < first + room; ++i) {
      Row(rows[i], &rows[i] == selected);
    }
    if (rows.empty()) {
      Line(view_.search().empty() ? "  no Python process that may be read (f shows all processes)"
                                  : "  nothing is called like that (Escape ends the search)",
           LineStyle::kDim);
    }
    Shares(shares, below);
  }

  // Of a Python process what it runs.
  static std::string Program(const ProcessLook& process) {
    const std::size_t blank = process.label.find(' ');
    const bool is_short = !process.is_python || blank == std::string::npos;
    return EscapeName(is_short ? process.label : process.label.substr(blank + 1));
  }

  void Row(const TopRow& row, bool is_selected) {
    const std::string change =
        view_.has_baseline()
            ? (row.since_baseline ? FormatSignedBytes(*row.since_baseline) : std::string("new"))
            : Rate(row.growth);
    const auto layer = static_cast<std::size_t>(view_.layer());
    Line(fmt::format("{:>7} {:>9} {:>10} {:>9} {:>10} {:>4} {:>9} {}", row.process.pid,
                     FormatBytes(row.process.rss), change,
                     Or(LayerBytes(row.process, view_.layer())), Rate(row.growths[layer]),
                     row.process.threads, Until(row.seconds_to_limit), Program(row.process)),
         is_selected ? LineStyle::kSelected : LineStyle::kPlain);
  }

  void Shares(const std::vector<ShareRow>& shares, std::size_t below) {
    if (shares.empty()) return;
    const model::Ledger& ledger = view_.ledger()->ledger;
    Line("");
    Line(fmt::format("{:<12}{:<40}{:>10} {:>10}", "layer", "share of rss", "bytes", "growth/s"),
         LineStyle::kHead);
    std::vector<ShareRow> sorted = shares;
    std::stable_sort(sorted.begin(), sorted.end(), [](const ShareRow& a, const ShareRow& b) {
      return a.share.bytes > b.share.bytes;
    });
    if (sorted.size() + 3 > below) sorted.resize(below > 3 ? below - 3 : 0);
    for (const ShareRow& row : sorted) {
      Line(fmt::format("{:<12}{:<40}{:>10} {:>10}", row.share.layer,
                       CutCharacters(EscapeName(row.share.name), 39), FormatBytes(row.share.bytes),
                       Rate(row.growth)));
    }
    if (ledger.unattributed != 0 && lines_.size() + 1 < height_) {
      Line(fmt::format("{:<12}{:<40}{:>10}", "", "unattributed",
                       FormatSignedBytes(ledger.unattributed)));
    }
  }

  void Bottom(const std::vector<TopRow>& rows) {
    while (lines_.size() + 1 < height_) Line("");
    std::string text;
    if (view_.is_typing()) {
      text = "/" + view_.search() + "_";
    } else if (!view_.note().empty()) {
      text = EscapeName(view_.note());
    } else if (!view_.look().missing.empty()) {
      text = EscapeName(view_.look().missing);
    } else {
      text = fmt::format("{}{} shown, by {}{}  q quit  space pause  t s n g sort  l layer  ? help",
                         view_.is_paused() ? "PAUSED  " : "", rows.size(), SortName(view_.sort()),
                         view_.search().empty() ? "" : ", /" + view_.search());
    }
    if (lines_.size() >= height_ && height_ > 0) lines_.resize(height_ - 1);
    Line(text, LineStyle::kDim);
  }

  void Help() {
    Line("memwhy top: keys", LineStyle::kHead);
    for (const char* text :
         {"  q          quit", "  space      pause, and go on",
          "  up, down   choose a process (k, j)", "  t          sort by rss (total)",
          "  s          sort by anonymous memory (its own)",
          "  n          sort by the number of threads", "  g          sort by growth",
          "  l          next layer: anon, file, shmem, swap, page tables",
          "  /          search in names; Escape ends it",
          "  f          all programs, or Python only",
          "  d          mark a baseline and show changes since; again: growth",
          "  w          write a snapshot (JSON) into the current folder",
          "  ?          this help; any key goes back", "",
          "RSS is what of the process is in memory, pages shared with others included.",
          "GROWTH/s is the slope over the last minute. FULL IN is when the limit of its",
          "memory cgroup is reached if the cgroup goes on so; empty: not within a day,",
          "or the growth does not stand out from the noise."}) {
      Line(text);
    }
  }

  const TopView& view_;
  const ScreenHead& head_;
  std::size_t width_;
  std::size_t height_;
  std::vector<ScreenLine> lines_;
};

}  // namespace

std::vector<ScreenLine> DrawTop(const TopView& view, const ScreenHead& head, std::size_t width,
                                std::size_t height) {
  return Screen(view, head, width, height).Draw();
}

}  // namespace memwhy::monitor
