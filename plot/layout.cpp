// Sizes, margins and text around the plots.
#include <xgrad/plot/layout.hpp>

#include <xgrad/plot/bars.hpp>
#include <xgrad/plot/figure.hpp>
#include <xgrad/plot/text.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace xgrad::plot::detail {
namespace {

constexpr double outer = 24;       // around the figure
constexpr double column_gap = 44;  // between what belongs to two panels
constexpr double row_gap = 30;
constexpr double title_line = 27, subtitle_line = 19, panel_title_line = 20, legend_line = 21;
constexpr double title_size = 21, panel_title_size = 15, label_size = 13, tick_size = 12;
constexpr double sample_gap = 8, entry_gap = 22;
constexpr double bar_gap = 16, bar_width = 12, axis_line = 17;
// The longest names beside an axis; what is longer is cut off.
constexpr double longest_name = 150, longest_unit = 150;
// Texts have so many lines at most, and may be as wide as this if the plot is narrower.
constexpr std::size_t most_lines = 3;
constexpr double least_text_width = 150;

struct Margins {
  double left = 0, right = 0, top = 0, bottom = 0;
};

double lines(const std::string& text) { return static_cast<double>(lines_of(text).size()); }

double entry_width(const Entry& entry) {
  return sample_width(entry.kind) + sample_gap + text_width(entry.label, label_size);
}

// The legend in rows no wider than `width`, where an entry alone is not; returns their number and places
// each.
template <class F>
double flow(const std::vector<Entry>& entries, double width, const F& place) {
  const auto rows = [&](double column, const auto& each) {
    double x = 0, row = 0;
    for (const Entry& entry : entries) {
      const double wide = std::max(entry_width(entry), column);
      if (x > 0 && x + wide > width) x = 0, row += 1;
      each(entry, x, row);
      x += wide + entry_gap;
    }
    return entries.empty() ? 0 : row + 1;
  };
  // Of many rows a table, unless a long name would make it much longer.
  double widest_entry = 0;
  for (const Entry& entry : entries) widest_entry = std::max(widest_entry, entry_width(entry));
  const auto nowhere = [](const Entry&, double, double) {};
  const double loose = rows(0, nowhere);
  const bool table = loose > 2 && rows(widest_entry, nowhere) <= 1.5 * loose;
  return rows(table ? widest_entry : 0, place);
}

double rows_of_legend(const std::vector<Entry>& entries, double width) {
  return flow(entries, width, [](const Entry&, double, double) {});
}

// Names at 0, 1, ...; where there is no place for all, every second, third, ...
std::vector<Tick> named_ticks(const std::vector<std::string>& names, double pixels_each, double least) {
  const auto stride = static_cast<std::size_t>(std::max(1.0, std::ceil(least / pixels_each)));
  std::vector<Tick> ticks;
  for (std::size_t i = 0; i < names.size(); i += stride)
    ticks.push_back({static_cast<double>(i), shortened(names[i], longest_name, tick_size)});
  return ticks;
}

double widest(const std::vector<Tick>& ticks) {
  double width = 0;
  for (const Tick& tick : ticks) width = std::max(width, text_width(tick.text, tick_size));
  return width;
}

// Of a name that stands at 45 degrees.
constexpr double turned_slot = 20;

// A panel on its way to its place.
struct Draft {
  PlacedPanel placed;
  Margins margins;
  std::vector<Entry> legend;
  bool turned = false;           // the names below are
  std::string title, x, y, bar;  // in lines that have place

  const Content& content() const { return *placed.content; }
  const PanelOptions& options() const { return content().options; }
  bool fixed_size() const { return content().kind != Kind::plot; }
  double natural_width() const {
    if (content().width > 0) return content().width;
    return std::max(options().width, names_width());
  }
  // So wide that every bar has its name, turned if need be, within reason.
  double names_width() const {
    if (content().kind != Kind::plot || content().x_names.empty()) return 0;
    double slot = 0;
    for (const std::string& name : content().x_names)
      slot = std::max(slot, std::min(turned_slot, text_width(name, tick_size) + 8));
    constexpr double most = 1200;
    return std::min(most, slot * static_cast<double>(content().x_names.size()));
  }
  double natural_height() const { return content().height > 0 ? content().height : options().height; }
};

void fit_texts(Draft& draft) {
  const PanelOptions& options = draft.options();
  const auto lines_in = [](const std::string& text, double width, double size, bool bold) {
    return wrapped(text, std::max(width, least_text_width), most_lines, size, bold);
  };
  const Frame& frame = draft.placed.frame;
  draft.title = lines_in(options.title, frame.width, panel_title_size, true);
  draft.x = lines_in(one_line(options.x), frame.width, label_size, false);
  draft.y = lines_in(one_line(options.y), frame.height, label_size, false);
  if (draft.content().bar) draft.bar = lines_in(draft.content().bar->label, frame.height, label_size, false);
  for (Entry& entry : draft.legend)
    entry.label = shortened(entry.label,
                            std::max(frame.width - sample_width(entry.kind) - sample_gap, least_text_width),
                            label_size);
}

void make_axes(Draft& draft) {
  const Content& content = draft.content();
  const PanelOptions& options = draft.options();
  PlacedPanel& placed = draft.placed;
  AxisRequest x;
  x.data = content.x;
  x.fixed = options.x_range;
  x.log = options.x_log;
  const auto whole = [](Ticks ticks, bool data) {
    return ticks == Ticks::whole || (ticks == Ticks::automatic && data);
  };
  x.integral = whole(options.x_ticks, content.x_integral && !std::isnan(content.x.low));
  x.margin = 0.04;
  x.unit = shortened(options.x_unit, longest_unit, tick_size);
  x.length = placed.frame.width;
  x.tick_size = tick_size;
  AxisRequest y;
  y.data = content.y;
  y.fixed = options.y_range;
  y.log = options.y_log;
  y.rounded = true;
  y.unit = shortened(options.y_unit, longest_unit, tick_size);
  y.length = placed.frame.height;
  y.horizontal = false;
  y.integral = whole(options.y_ticks, content.counts && content.y_integral && !std::isnan(content.y.low));
  // Zero, where it is not far.
  y.zero = !y.log && (content.y_from_zero || (content.y.low > 0 && content.y.low < 0.4 * content.y.high));
  if (!std::isnan(y.fixed.low) && y.fixed.low > 0) y.zero = false;
  if (!std::isnan(y.fixed.high) && y.fixed.high < 0) y.zero = false;
  if (content.kind == Kind::matrix || content.kind == Kind::images) {
    x.fixed = content.x;
    y.fixed = content.y;
    x.integral = y.integral = true;
    y.zero = false;
    placed.down = true;
  }
  double beyond = 0;
  for (const BarGroup& group : content.bars) {
    const double pixels = placed.frame.width / static_cast<double>(content.x_names.size());
    const ValueStyle style = value_style(content, group, pixels);
    if (style.written) beyond = std::max(beyond, style.upright ? style.width + 10 : 24);
  }
  if (beyond > 0 && !y.log) {
    // The numbers stand beyond the bars.
    const double low = std::min(0.0, y.data.low), high = std::max(0.0, y.data.high),
                 space = beyond / y.length * (high - low);
    if (high > 0) y.data.high = high + space;
    if (low < 0) y.data.low = low - space;
  }
  placed.x = make_axis(x);
  placed.y = make_axis(y);
  if (content.kind == Kind::images) placed.x.ticks.clear(), placed.y.ticks.clear();
  const auto each = [](double pixels, const std::vector<std::string>& names) {
    return pixels / static_cast<double>(names.size());
  };
  if (!content.x_names.empty()) {
    if (content.kind == Kind::plot) {
      placed.x.low = -0.5;
      placed.x.high = static_cast<double>(content.x_names.size()) - 0.5;
    }
    const double slot = each(placed.frame.width, content.x_names);
    placed.x.ticks = named_ticks(content.x_names, slot, 13);
    draft.turned = widest(placed.x.ticks) + 8 > slot;
    if (draft.turned) placed.x.ticks = named_ticks(content.x_names, slot, turned_slot);
  }
  if (!content.y_names.empty())
    placed.y.ticks = named_ticks(content.y_names, each(placed.frame.height, content.y_names), 13);
  if (content.bar) {
    AxisRequest bar;
    bar.fixed = bar.data = content.bar->range;
    bar.log = content.bar->log;
    bar.length = placed.frame.height;
    bar.horizontal = false;
    placed.bar_axis = make_axis(bar);
  }
}

double turned_reach(const Draft& draft) { return 0.71 * widest(draft.placed.x.ticks); }

void make_margins(Draft& draft) {
  const PlacedPanel& placed = draft.placed;
  Margins& margins = draft.margins;
  const bool images = draft.content().kind == Kind::images;
  if (!placed.y.ticks.empty()) margins.left = widest(placed.y.ticks) + 10;
  if (!draft.y.empty()) margins.left += 9 + axis_line * lines(draft.y);
  if (!placed.x.ticks.empty()) margins.bottom = draft.turned ? turned_reach(draft) + 22 : 27;
  if (!draft.x.empty()) margins.bottom += 5 + axis_line * lines(draft.x);
  if (draft.turned && !placed.x.ticks.empty()) {
    for (const Tick& tick : placed.x.ticks) {
      const double begin =
          placed.frame.width * placed.x.part(tick.at) - 0.71 * text_width(tick.text, tick_size);
      margins.left = std::max(margins.left, -begin);
    }
  } else if (!images) {
    for (const Tick& tick : placed.x.ticks) {
      const double half = text_width(tick.text, tick_size) / 2,
                   at = placed.frame.width * placed.x.part(tick.at);
      margins.left = std::max(margins.left, half - at);
      margins.right = std::max(margins.right, half + at - placed.frame.width);
    }
  }
  if (draft.content().bar) {
    margins.right = std::max(margins.right, bar_gap + bar_width + 7 + widest(placed.bar_axis.ticks));
    if (!draft.bar.empty()) margins.right += 7 + axis_line * lines(draft.bar);
  }
  // Labels at the middle of a short axis reach beyond it.
  const double beside = (text_width(draft.x, label_size) - placed.frame.width) / 2;
  margins.left = std::max(margins.left, beside);
  margins.right = std::max(margins.right, beside);
  const double above =
      (std::max(text_width(draft.y, label_size), text_width(draft.bar, label_size)) - placed.frame.height) /
      2;
  margins.bottom = std::max(margins.bottom, above);
  const double title = text_width(draft.title, panel_title_size, true);
  margins.right = std::max(margins.right, title - placed.frame.width);
  for (const Entry& entry : draft.legend)
    margins.right = std::max(margins.right, entry_width(entry) - placed.frame.width);
  const double header = panel_title_line * lines(draft.title) +
                        legend_line * rows_of_legend(draft.legend, placed.frame.width + margins.right);
  margins.top = std::max(header > 0 ? header + 10 : 8, header + above);
}

void put_legend(Sheet& sheet, const std::vector<Entry>& entries, double left, double middle, double width) {
  flow(entries, width, [&](const Entry& entry, double x, double row) {
    const double y = middle + legend_line * row;
    sheet.samples.push_back({left + x, y, entry});
    sheet.labels.push_back(
        {left + x + sample_width(entry.kind) + sample_gap, y, entry.label, text_colour, label_size});
  });
}

void put_lines(Sheet& sheet, const std::string& text, double left, double middle, double line, Label like) {
  for (const std::string& part : lines_of(text)) {
    like.x = left;
    like.y = middle;
    like.text = part;
    sheet.labels.push_back(like);
    middle += line;
  }
}

// Upwards, the first line at `left`.
void put_turned(Sheet& sheet, const std::string& text, double left, double middle) {
  for (const std::string& part : lines_of(text)) {
    sheet.labels.push_back({left, middle, part, text_colour, label_size, false, Anchor::centre, 90});
    left += axis_line;
  }
}

// What stands around a plot; `top` is where its header begins.
void put_texts(Sheet& sheet, const Draft& draft, double top) {
  const PlacedPanel& placed = draft.placed;
  const Frame& frame = placed.frame;
  put_lines(sheet, draft.title, frame.left, top + 10, panel_title_line,
            {0, 0, "", text_colour, panel_title_size, true});
  put_legend(sheet, draft.legend, frame.left, top + panel_title_line * lines(draft.title) + 12,
             frame.width + draft.margins.right);
  const double bottom = frame.top + frame.height;
  for (const Tick& tick : placed.x.ticks) {
    const double x = placed.across(tick.at);
    if (draft.turned)
      sheet.labels.push_back(
          {x + 4, bottom + 12, tick.text, tick_colour, tick_size, false, Anchor::right, 45});
    else
      sheet.labels.push_back({x, bottom + 17, tick.text, tick_colour, tick_size, false, Anchor::centre});
  }
  for (const Tick& tick : placed.y.ticks)
    sheet.labels.push_back(
        {frame.left - 9, placed.along(tick.at), tick.text, tick_colour, tick_size, false, Anchor::right});
  if (!draft.x.empty()) {
    const double ticks = placed.x.ticks.empty() ? 0 : draft.turned ? turned_reach(draft) + 22 : 27;
    put_lines(sheet, draft.x, frame.left + frame.width / 2, bottom + ticks + 11, axis_line,
              {0, 0, "", text_colour, label_size, false, Anchor::centre});
  }
  if (!draft.y.empty()) {
    const double ticks = placed.y.ticks.empty() ? 0 : widest(placed.y.ticks) + 10;
    put_turned(sheet, draft.y, frame.left - ticks - 13 - axis_line * (lines(draft.y) - 1),
               frame.top + frame.height / 2);
  }
  if (!draft.content().bar) return;
  const Frame& bar = placed.bar_frame;
  for (const Tick& tick : placed.bar_axis.ticks)
    sheet.labels.push_back({bar.left + bar.width + 7,
                            bar.top + bar.height * (1 - placed.bar_axis.part(tick.at)), tick.text,
                            tick_colour, tick_size});
  if (!draft.bar.empty())
    put_turned(sheet, draft.bar, bar.left + bar.width + 7 + widest(placed.bar_axis.ticks) + 15,
               bar.top + bar.height / 2);
}

// The entries that all panels have that have any, if these are several: they are named once.
std::vector<Entry> shared_legend(std::vector<Draft>& drafts) {
  const std::vector<Entry>* common = nullptr;
  std::size_t holders = 0;
  for (const Draft& draft : drafts) {
    if (draft.legend.empty()) continue;
    if (common != nullptr && draft.legend != *common) return {};
    common = &draft.legend;
    ++holders;
  }
  if (holders < 2) return {};
  std::vector<Entry> shared = *common;
  for (Draft& draft : drafts) draft.legend.clear();
  return shared;
}

double sum(const std::vector<double>& values) { return std::accumulate(values.begin(), values.end(), 0.0); }

}  // namespace

Sheet lay_out(const FigureOptions& options, const std::deque<Panel>& panels) {
  std::vector<Draft> drafts;
  for (const Panel& panel : panels) {
    Draft draft;
    draft.placed.content = &panel.content();
    if (draft.options().legend)
      for (const Entry& entry : draft.content().legend)
        if (std::find(draft.legend.begin(), draft.legend.end(), entry) == draft.legend.end())
          draft.legend.push_back(entry);
    drafts.push_back(std::move(draft));
  }
  const std::size_t columns =
      std::min(static_cast<std::size_t>(options.columns), std::max<std::size_t>(1, drafts.size()));
  const std::size_t rows = (drafts.size() + columns - 1) / columns;
  std::vector<Entry> shared = shared_legend(drafts);

  const std::vector<double> none_across(columns), none_down(rows);
  std::vector<double> widths = none_across, lefts = none_across, rights = none_across;
  std::vector<double> heights = none_down, tops = none_down, bottoms = none_down;
  const auto raise = [](double& value, double least) { value = std::max(value, least); };
  for (std::size_t i = 0; i < drafts.size(); ++i) {
    raise(widths[i % columns], drafts[i].natural_width());
    raise(heights[i / columns], drafts[i].natural_height());
  }
  for (std::size_t i = 0; i < drafts.size(); ++i) {
    Draft& draft = drafts[i];
    const double width = widths[i % columns], height = heights[i / columns];
    draft.placed.frame.width = draft.fixed_size() ? draft.natural_width() : width;
    draft.placed.frame.height = draft.fixed_size() ? draft.natural_height() : height;
    fit_texts(draft);
    make_axes(draft);
    make_margins(draft);
    // A plot that is narrower than its column has the rest for what stands beside it.
    raise(lefts[i % columns], draft.margins.left);
    raise(rights[i % columns], draft.margins.right - (width - draft.placed.frame.width));
    raise(tops[i / columns], draft.margins.top);
    raise(bottoms[i / columns], draft.margins.bottom - (height - draft.placed.frame.height));
  }

  Sheet sheet;
  const double gaps = column_gap * static_cast<double>(columns - 1);
  // The title stands over the first plot's edge, unless that is far from the picture's.
  const double text_left = outer + (lefts[0] <= 120 ? lefts[0] : 0);
  sheet.width = 2 * outer + sum(lefts) + sum(widths) + sum(rights) + gaps;
  constexpr double least_title_width = 480;
  const double room = std::max(sheet.width - text_left - outer, least_title_width);
  const std::string title = wrapped(options.title, room, most_lines, title_size, true);
  const std::string subtitle = wrapped(options.subtitle, room, 2 * most_lines, label_size);
  for (Entry& entry : shared)
    entry.label = shortened(entry.label, room - sample_width(entry.kind) - sample_gap, label_size);
  raise(sheet.width, text_left + text_width(title, title_size, true) + outer);
  raise(sheet.width, text_left + text_width(subtitle, label_size) + outer);
  for (const Entry& entry : shared) raise(sheet.width, text_left + entry_width(entry) + outer);

  double y = 20;
  put_lines(sheet, title, text_left, y + 12, title_line, {0, 0, "", ink, title_size, true});
  y += title_line * lines(title);
  put_lines(sheet, subtitle, text_left, y + 13, subtitle_line, {0, 0, "", text_colour, label_size});
  if (!shared.empty()) {
    // Beside the subtitle over the second column, where there is place; else below it.
    const double beside =
        outer + lefts[0] + widths[0] + rights[0] + column_gap + (columns > 1 ? lefts[1] : 0);
    const bool fits = columns > 1 && lines(subtitle) == 1 &&
                      text_left + text_width(subtitle, label_size) + 24 < beside &&
                      rows_of_legend(shared, sheet.width - outer - beside) == 1;
    if (!fits) y += subtitle_line * lines(subtitle);
    const double left = fits ? beside : text_left;
    put_legend(sheet, shared, left, y + 13, sheet.width - outer - left);
    y += fits ? subtitle_line : legend_line * rows_of_legend(shared, sheet.width - outer - left);
  } else {
    y += subtitle_line * lines(subtitle);
  }
  if (y > 20) y += 24;

  for (std::size_t row = 0; row < rows; ++row) {
    double x = outer;
    for (std::size_t column = 0; column < columns && row * columns + column < drafts.size(); ++column) {
      Draft& draft = drafts[row * columns + column];
      draft.placed.frame.left = x + lefts[column];
      // Images have no axis to stand in line with others.
      draft.placed.frame.top = y + (draft.content().kind == Kind::images ? draft.margins.top : tops[row]);
      const Frame& frame = draft.placed.frame;
      draft.placed.bar_frame = {frame.left + frame.width + bar_gap, frame.top, bar_width, frame.height};
      put_texts(sheet, draft, y);
      sheet.panels.push_back(draft.placed);
      x += lefts[column] + widths[column] + rights[column] + column_gap;
    }
    y += tops[row] + heights[row] + bottoms[row] + row_gap;
  }
  sheet.height = rows == 0 ? y : y - row_gap + outer - 4;
  sheet.width = std::ceil(sheet.width);
  sheet.height = std::ceil(sheet.height);
  return sheet;
}

}  // namespace xgrad::plot::detail
