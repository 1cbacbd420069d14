// SPDX-License-Identifier: Apache-2.0
//
// What `memwhy top` knows and how a person looks at it: rows with growth, sorted, filtered, against
// a baseline. Keys change the view, looks change its rows. Pure but for its state. One thread.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/ledger/ledger.h"
#include "monitor/growth_track.h"
#include "monitor/look.h"

namespace memwhy::monitor {

// The column that `l` changes.
enum class Layer : std::uint8_t { kAnon, kFile, kShmem, kSwap, kPageTables };
inline constexpr std::size_t kLayers = 5;
const char* LayerName(Layer layer);
std::optional<Bytes> LayerBytes(const ProcessLook& process, Layer layer);

enum class SortBy : std::uint8_t { kTotal, kSelf, kCount, kGrowth };

// What a course looks like: "linear", "sawtooth". The analysis that knows it is not here.
using ShapeOf = std::function<std::string(const std::deque<TrackPoint>&)>;

struct TopRow {
  ProcessLook process;
  std::string shape;                                   // of rss; "" unknown
  std::optional<double> growth;                        // of rss, bytes per second
  std::array<std::optional<double>, kLayers> growths;  // of each layer
  std::optional<SignedBytes> since_baseline;           // rss
  std::optional<Bytes> cgroup_current;
  std::optional<Bytes> cgroup_limit;
  std::optional<double> seconds_to_limit;
};

// Growth of the shares of one process's ledger (explain), read more seldom than looks.
struct LayeredLook {
  double time = 0;
  model::Ledger ledger;
};
struct ShareRow {
  model::Share share;
  std::optional<double> growth;
};

class TopView {
 public:
  explicit TopView(ShapeOf shape_of = nullptr) : shape_of_(std::move(shape_of)) {}

  void Add(Look look);
  void AddLedger(LayeredLook look);

  // A key as the keyboard gives it. False: nothing changed.
  bool Key(int key);
  bool wants_quit() const { return wants_quit_; }
  bool wants_snapshot() const { return wants_snapshot_; }
  void SnapshotDone(const std::string& note);
  bool is_paused() const { return is_paused_; }
  bool wants_all() const { return wants_all_; }
  bool shows_help() const { return shows_help_; }
  bool is_typing() const { return is_typing_; }
  const std::string& search() const { return search_; }
  const std::string& note() const { return note_; }
  bool has_baseline() const { return has_baseline_; }
  SortBy sort() const { return sort_; }
  Layer layer() const { return layer_; }

  // Sorted and filtered.
  std::vector<TopRow> Rows() const;
  const TopRow* Selected(const std::vector<TopRow>& rows) const;
  const Look& look() const { return look_; }
  std::optional<std::uint64_t> host_kills_since_start() const;
  std::vector<ShareRow> Shares() const;
  const std::optional<LayeredLook>& ledger() const { return ledger_; }

  // Keys beyond characters.
  static constexpr int kUp = -1;
  static constexpr int kDown = -2;
  static constexpr int kEnter = '\n';
  static constexpr int kEscape = 27;
  static constexpr int kBackspace = 127;

 private:
  struct Tracks {
    GrowthTrack rss;
    std::array<GrowthTrack, kLayers> layers;
    Bytes baseline = 0;
    bool has_baseline = false;
  };

  bool TypeKey(int key);
  void Move(int by);

  ShapeOf shape_of_;
  Look look_;
  std::map<ProcessKey, Tracks> tracks_;
  std::map<std::string, GrowthTrack> cgroups_;
  std::optional<std::uint64_t> first_kills_;
  std::optional<LayeredLook> ledger_;
  std::map<std::string, GrowthTrack> shares_;
  SortBy sort_ = SortBy::kTotal;
  Layer layer_ = Layer::kAnon;
  std::optional<ProcessKey> selected_;
  std::string search_;
  std::string note_;
  bool is_typing_ = false;
  bool is_paused_ = false;
  bool wants_quit_ = false;
  bool wants_all_ = false;
  bool wants_snapshot_ = false;
  bool shows_help_ = false;
  bool has_baseline_ = false;
};

}  // namespace memwhy::monitor
