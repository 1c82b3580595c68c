#include "diff.hpp"

#include "text.hpp"

#include <algorithm>
#include <map>

namespace {

using xgrad::StateDict, xgrad::io::Entry, xgrad::io::File;

std::string only_text(const char* where, const std::vector<Entry>& entries) {
  std::string text;
  for (const Entry& entry : entries)
    text += std::string("only in ") + where + ": " + printable(entry.name) + "  " +
            std::string(to_string(entry.dtype)) + " " + to_string(entry.shape) + "\n";
  return text;
}

std::string against(const std::string& name, const char* what, std::string_view a, std::string_view b) {
  return printable(name) + ": " + what + " " + std::string(a) + " in A, " + std::string(b) + " in B\n";
}

std::string form_text(const Comparison::Row& row) {
  std::string text;
  if (!(row.a.shape == row.b.shape))
    text += against(row.a.name, "shape", to_string(row.a.shape), to_string(row.b.shape));
  if (row.a.dtype != row.b.dtype)
    text += against(row.a.name, "dtype", to_string(row.a.dtype), to_string(row.b.dtype));
  return text;
}

std::string elements_text(const Comparison& comparison) {
  using enum Table::Align;
  Table table({{"name"},
               {"differ", right},
               {"greatest", right},
               {"at"},
               {"A", right},
               {"B", right},
               {"relative", right},
               {"at"}});
  for (const Comparison::Row& row : comparison.rows) {
    if (!row.elements || row.elements->count == 0) continue;
    const Greatest& absolute = *row.elements->absolute;
    const Greatest& relative = *row.elements->relative;
    const auto [of_a, of_b] = numbers(absolute.a, absolute.b);
    table.add({printable(row.a.name),
               grouped(static_cast<std::uint64_t>(row.elements->count)) + " of " +
                   grouped(static_cast<std::uint64_t>(row.a.shape.count())),
               number(absolute.difference), position(absolute.index), of_a, of_b, number(relative.difference),
               position(relative.index)});
  }
  return table.empty() ? "" : table.text();
}

std::string summary(const Comparison& comparison) {
  const auto equal = static_cast<std::size_t>(
      std::ranges::count_if(comparison.rows, [](const Comparison::Row& row) { return row.equal(); }));
  std::string within;
  if (comparison.tolerance > 0) within = " within " + number(comparison.tolerance);
  if (comparison.equal()) return counted(equal, "tensor") + ", all equal" + within + "\n";
  return counted(comparison.rows.size() - equal, "tensor") + " differ" +
         (comparison.rows.size() - equal == 1 ? "s" : "") + ", " + grouped(equal) +
         (equal == 1 ? " is" : " are") + " equal" + within + ", " + grouped(comparison.only_in_a.size()) +
         " only in A, " + grouped(comparison.only_in_b.size()) + " only in B\n";
}

}  // namespace

bool Comparison::layouts_differ() const {
  using enum StateDict::Layout;
  return a.layout() != unknown && b.layout() != unknown && a.layout() != b.layout();
}

bool Comparison::equal() const {
  return only_in_a.empty() && only_in_b.empty() && !layouts_differ() &&
         std::ranges::all_of(rows, [](const Row& row) { return row.equal(); });
}

Comparison compare(const DiffOptions& options) {
  Comparison comparison{File(options.a, options.reading), File(options.b, options.reading),
                        options.tolerance};
  std::map<std::string_view, const Entry*> of_b;
  for (const Entry& entry : comparison.b.entries()) of_b.emplace(entry.name, &entry);
  for (const Entry& entry : comparison.a.entries()) {
    const auto found = of_b.find(entry.name);
    if (found == of_b.end()) {
      comparison.only_in_a.push_back(entry);
      continue;
    }
    Comparison::Row row{entry, *found->second, {}};
    if (row.a.shape == row.b.shape)
      row.elements =
          differences_of(comparison.a.read(entry.name), comparison.b.read(entry.name), options.tolerance);
    comparison.rows.push_back(std::move(row));
  }
  for (const Entry& entry : comparison.b.entries())
    if (!comparison.a.contains(entry.name)) comparison.only_in_b.push_back(entry);
  return comparison;
}

std::string to_text(const Comparison& comparison) {
  std::string text = only_text("A", comparison.only_in_a) + only_text("B", comparison.only_in_b);
  if (comparison.layouts_differ()) {
    const bool pytorch_in_a = comparison.a.layout() == StateDict::Layout::pytorch;
    text += std::string("axes: in ") + (pytorch_in_a ? "PyTorch's" : "xgrad's") + " order in A, in " +
            (pytorch_in_a ? "xgrad's" : "PyTorch's") + " in B\n";
  }
  for (const Comparison::Row& row : comparison.rows) text += form_text(row);
  const std::string elements = elements_text(comparison);
  if (!text.empty() && !elements.empty()) text += "\n";
  text += elements;
  return text + (text.empty() ? "" : "\n") + summary(comparison);
}
