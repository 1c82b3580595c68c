#include "show.hpp"

#include "text.hpp"

#include <algorithm>

namespace {

using xgrad::StateDict, xgrad::io::Entry;

std::string type_of(const Entry& entry) {
  std::string type(to_string(entry.dtype));
  if (type != entry.stored) type += " (" + printable(entry.stored) + ")";
  return type;
}

std::string heading(const xgrad::io::File& file) {
  std::string text = printable(file.path()) + ": " + to_string(file.format());
  if (file.layout() == StateDict::Layout::xgrad) text += ", axes in xgrad's order";
  if (file.layout() == StateDict::Layout::pytorch) text += ", axes in PyTorch's order";
  return text + "\n";
}

/// Long texts, a whole configuration perhaps, are cut.
std::string metadata_text(const xgrad::io::Metadata& metadata) {
  constexpr std::size_t longest = 400;  // bytes
  Table table({{"metadata"}, {""}});
  for (const auto& [name, text] : metadata) {
    std::size_t end = std::min(text.size(), longest);
    while (end < text.size() && end > 0 && (text[end] & 0xc0) == 0x80) --end;  // not within a character
    std::string shown = printable(std::string_view(text).substr(0, end));
    if (end < text.size()) shown += "... (" + counted(text.size(), "byte") + "; --json has them all)";
    table.add({printable(name), shown});
  }
  return table.empty() ? "" : table.text() + "\n";
}

}  // namespace

Listing list(const ShowOptions& options) {
  Listing listing{xgrad::io::File(options.file, options.reading)};
  for (const Entry& entry : listing.file.entries()) {
    Listing::Row row{.entry = entry, .statistics = {}};
    if (options.statistics) row.statistics = statistics_of(listing.file.read(entry.name));
    listing.elements += row.elements();
    listing.bytes += row.bytes();
    listing.rows.push_back(std::move(row));
  }
  return listing;
}

std::string to_text(const Listing& listing) {
  using enum Table::Align;
  const bool statistics =
      std::ranges::any_of(listing.rows, [](const Listing::Row& row) { return row.statistics.has_value(); });
  std::vector<Table::Column> columns{{"name"}, {"dtype"}, {"shape"}};
  if (statistics)
    for (const char* const title : {"min", "max", "mean", "NaN"}) columns.push_back({title, right});
  Table table(columns);
  for (const Listing::Row& row : listing.rows) {
    std::vector<std::string> cells{printable(row.entry.name), type_of(row.entry), to_string(row.entry.shape)};
    if (row.statistics) {
      const auto cell = [](const auto& value) { return value ? number(*value) : "-"; };
      const Statistics& of = *row.statistics;
      cells.insert(cells.end(), {cell(of.min), cell(of.max), cell(of.mean),
                                 of.nan == 0 ? "-" : grouped(static_cast<std::uint64_t>(of.nan))});
    }
    table.add(std::move(cells));
  }
  return heading(listing.file) + "\n" + (table.empty() ? "" : table.text() + "\n") +
         metadata_text(listing.file.metadata()) + counted(listing.rows.size(), "tensor") + ", " +
         counted(listing.elements, "element") + ", " + counted(listing.bytes, "byte") + "\n";
}
