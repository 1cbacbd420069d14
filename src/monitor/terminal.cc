// SPDX-License-Identifier: Apache-2.0
#include "monitor/terminal.h"

#include <curses.h>
#include <unistd.h>

#include <langinfo.h>
#include <clocale>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

namespace memwhy::monitor {
namespace {

constexpr short kHeadPair = 1;
constexpr short kWarningPair = 2;
constexpr short kDimPair = 3;

attr_t AttributeOf(LineStyle style) {
  const bool has_colours = has_colors();
  switch (style) {
    case LineStyle::kPlain:
      return A_NORMAL;
    case LineStyle::kHead:
      return has_colours ? A_BOLD | static_cast<attr_t>(COLOR_PAIR(kHeadPair)) : A_BOLD;
    case LineStyle::kSelected:
      return A_REVERSE;
    case LineStyle::kWarning:
      return has_colours ? A_BOLD | static_cast<attr_t>(COLOR_PAIR(kWarningPair))
                         : A_BOLD | A_UNDERLINE;
    case LineStyle::kDim:
      return has_colours ? static_cast<attr_t>(COLOR_PAIR(kDimPair)) : A_NORMAL;
  }
  return A_NORMAL;
}

// Names are UTF-8, whatever the locale: without one of it they would be cut in the wrong places.
void UseUtf8() {
  std::setlocale(LC_CTYPE, "");
  if (std::strcmp(nl_langinfo(CODESET), "UTF-8") != 0) std::setlocale(LC_CTYPE, "C.UTF-8");
}

}  // namespace

Result<Terminal> Terminal::Open() {
  const char* term = std::getenv("TERM");
  if (isatty(STDIN_FILENO) == 0 || isatty(STDOUT_FILENO) == 0) {
    return Error("stdin or stdout is no terminal; --json-lines writes one line per look");
  }
  if (term == nullptr || *term == '\0' || std::strcmp(term, "dumb") == 0) {
    return Error("TERM names no terminal with a cursor; --json-lines writes one line per look");
  }
  UseUtf8();
  SCREEN* screen = newterm(nullptr, stdout, stdin);
  if (screen == nullptr) {
    return Error::Of("TERM={} is not known to terminfo; try TERM=xterm, or --json-lines", term);
  }
  set_term(screen);
  // NO_COLOR counts when it is there and not empty (no-color.org).
  const char* no_color = std::getenv("NO_COLOR");
  if ((no_color == nullptr || *no_color == '\0') && has_colors()) {
    start_color();
    use_default_colors();
    init_pair(kHeadPair, COLOR_CYAN, -1);
    init_pair(kWarningPair, COLOR_RED, -1);
    init_pair(kDimPair, COLOR_BLUE, -1);
  }
  cbreak();
  noecho();
  keypad(stdscr, TRUE);
  set_escdelay(50);
  curs_set(0);
  return Terminal(screen);
}

Terminal::Terminal(Terminal&& other) noexcept : screen_(std::exchange(other.screen_, nullptr)) {}

Terminal::~Terminal() {
  if (screen_ == nullptr) return;
  endwin();
  delscreen(static_cast<SCREEN*>(screen_));
}

std::size_t Terminal::width() const { return static_cast<std::size_t>(std::max(1, COLS)); }
std::size_t Terminal::height() const { return static_cast<std::size_t>(std::max(1, LINES)); }

void Terminal::Show(const std::vector<ScreenLine>& lines) {
  erase();
  int row = 0;
  const char* no_color = std::getenv("NO_COLOR");
  const bool has_no_colour = no_color != nullptr && *no_color != '\0';
  for (const ScreenLine& line : lines) {
    attr_t attributes = AttributeOf(line.style);
    if (has_no_colour) attributes &= ~static_cast<attr_t>(A_COLOR);
    attrset(static_cast<int>(attributes));
    mvaddnstr(row, 0, line.text.c_str(), static_cast<int>(line.text.size()));
    // The mark of the chosen line reaches to the edge.
    if (line.style == LineStyle::kSelected) mvchgat(row, 0, -1, attributes, 0, nullptr);
    ++row;
  }
  attrset(A_NORMAL);
  refresh();
}

std::optional<int> Terminal::WaitKey(int milliseconds) {
  timeout(milliseconds);
  const int key = getch();
  switch (key) {
    case ERR:
      return std::nullopt;
    case KEY_UP:
      return TopView::kUp;
    case KEY_DOWN:
      return TopView::kDown;
    case KEY_ENTER:
      return TopView::kEnter;
    case KEY_BACKSPACE:
      return TopView::kBackspace;
    case KEY_RESIZE:
      return kResized;
    default:
      return key;
  }
}

}  // namespace memwhy::monitor
