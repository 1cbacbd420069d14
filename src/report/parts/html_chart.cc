// SPDX-License-Identifier: Apache-2.0
#include "report/parts/html_chart.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "report/parts/html_text.h"

namespace memwhy::report {
namespace {

constexpr double kWidth = 720;
constexpr double kHeight = 240;
constexpr double kLeft = 76;
constexpr double kRight = 12;
constexpr double kTop = 12;
constexpr double kBottom = 40;

struct Scale {
  double seconds = 1;
  double bytes = 1;
  double X(double time) const { return kLeft + time / seconds * (kWidth - kLeft - kRight); }
  double Y(double value) const {
    return kHeight - kBottom - value / bytes * (kHeight - kTop - kBottom);
  }
};

// 1, 2 or 5 times a power of ten (or of two for bytes), so that about `count` fit.
double TickStep(double range, int count, bool is_bytes) {
  if (range <= 0) return 1;
  const double raw = range / count;
  if (is_bytes) return std::exp2(std::ceil(std::log2(raw)));
  const double power = std::pow(10, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (raw <= factor * power) return factor * power;
  }
  return 10 * power;
}

std::vector<TimePoint> LivePoints(const model::WindowView& view) {
  std::vector<TimePoint> points;
  const double bins = static_cast<double>(view.floor.size());
  for (std::size_t i = 0; i < view.floor.size(); ++i) {
    const double middle = (static_cast<double>(i) + 0.5) / bins;
    points.push_back(
        {view.options.from + middle * (view.options.to - view.options.from), view.floor[i]});
  }
  return points;
}

std::string ChartLine(const std::vector<TimePoint>& points, const Scale& scale, const char* name) {
  if (points.empty()) return "";
  std::string out = fmt::format("<polyline class=\"{}\" points=\"", name);
  for (const TimePoint& point : points) {
    out += fmt::format("{:.1f},{:.1f} ", scale.X(point.time),
                       scale.Y(static_cast<double>(point.bytes)));
  }
  return out + "\"/>\n";
}

std::string Axes(const Scale& scale) {
  std::string out;
  const double step = TickStep(scale.bytes, 5, true);
  for (double value = 0; value <= scale.bytes * 1.0001; value += step) {
    const double y = scale.Y(value);
    out += fmt::format(
        "<line class=\"axis\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>"
        "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>\n",
        kLeft, kWidth - kRight, y, y, kLeft - 6, y + 4, FormatBytes(static_cast<Bytes>(value)));
  }
  const double seconds = TickStep(scale.seconds, 6, false);
  for (double time = 0; time <= scale.seconds * 1.0001; time += seconds) {
    out += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{:g}</text>\n",
                       scale.X(time), kHeight - kBottom + 16, time);
  }
  out += fmt::format(
      "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">seconds since the "
      "recording began</text>\n",
      (kLeft + kWidth) / 2, kHeight - 4);
  return out;
}

std::string ChartTable(const std::vector<TimePoint>& live, const model::WindowView& view) {
  std::string out =
      "<details><summary>The same as a table</summary>\n<div class=\"scroll\" tabindex=\"0\" "
      "role=\"region\" aria-label=\"Floors over time\"><table>"
      "<caption>Least value in each part of the window</caption>\n"
      "<thead><tr><th scope=\"col\" class=\"n\">seconds</th>"
      "<th scope=\"col\" class=\"n\">live</th><th scope=\"col\" class=\"n\">rss</th></tr></thead>"
      "<tbody>\n";
  for (std::size_t i = 0; i < live.size(); ++i) {
    const auto rss =
        i < view.rss_floor.size() ? std::optional<Bytes>(view.rss_floor[i]) : std::nullopt;
    out += fmt::format(
        "<tr><td class=\"n\">{:.1f}</td><td class=\"n\">{}</td>"
        "<td class=\"n\">{}</td></tr>\n",
        live[i].time, BytesHtml(live[i].bytes), BytesHtml(rss));
  }
  return out + "</tbody></table></div></details>\n";
}

}  // namespace

std::string TimeChartHtml(const std::vector<TimePoint>& rss, const model::WindowView& view) {
  const std::vector<TimePoint> live = LivePoints(view);
  if (rss.empty() && live.empty()) return "";
  Scale scale;
  for (const auto* points : {&rss, &live}) {
    for (const TimePoint& point : *points) {
      scale.seconds = std::max(scale.seconds, point.time);
      scale.bytes = std::max(scale.bytes, static_cast<double>(point.bytes) * 1.05);
    }
  }
  scale.seconds = std::max(scale.seconds, view.options.to);
  std::string out = fmt::format(
      "<figure>\n<svg viewBox=\"0 0 {:g} {:g}\" role=\"img\" aria-labelledby=\"chart-title\">\n"
      "<title id=\"chart-title\">rss and live bytes over time; the window that was judged is "
      "shaded</title>\n",
      kWidth, kHeight);
  out += fmt::format(
      "<rect class=\"window\" x=\"{:.1f}\" y=\"{:g}\" width=\"{:.1f}\" "
      "height=\"{:g}\"/>\n",
      scale.X(view.options.from), kTop,
      std::max(0.0, scale.X(view.options.to) - scale.X(view.options.from)),
      kHeight - kTop - kBottom);
  out += Axes(scale);
  out += ChartLine(rss, scale, "rss");
  out += ChartLine(live, scale, "live");
  out +=
      "</svg>\n<figcaption class=\"dim\">Solid: rss, from the operating system. Dashed: live "
      "bytes, the least of each part of the window, from allocation events. Shaded: the window "
      "that was judged.</figcaption>\n";
  return out + ChartTable(live, view) + "</figure>\n";
}

}  // namespace memwhy::report
