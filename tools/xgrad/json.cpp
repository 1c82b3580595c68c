#include "json.hpp"

#include <nlohmann/json.hpp>

#include <cmath>

namespace {

using Json = nlohmann::ordered_json;
using xgrad::StateDict;

/// JSON has no NaN and no infinities.
Json json_of(xgrad::Scalar value) {
  if (value.dtype() == xgrad::boolean) return value.integer() != 0;
  if (!is_floating(value.dtype())) return value.integer();
  if (std::isnan(value.real())) return "NaN";
  if (std::isinf(value.real())) return value.real() > 0 ? "Infinity" : "-Infinity";
  return value.real();
}

template <class T>
Json json_of(const std::optional<T>& value) {
  return value ? json_of(xgrad::Scalar(*value)) : Json();
}

Json json_of(StateDict::Layout layout) {
  switch (layout) {
    case StateDict::Layout::xgrad:
      return "xgrad";
    case StateDict::Layout::pytorch:
      return "pytorch";
    case StateDict::Layout::unknown:
      break;
  }
  return nullptr;
}

template <class Numbers>
Json list_of(const Numbers& numbers) {
  Json list = Json::array();
  for (const xgrad::Index one : numbers) list.push_back(one);
  return list;
}

Json names_of(const std::vector<xgrad::io::Entry>& entries) {
  Json list = Json::array();
  for (const xgrad::io::Entry& entry : entries) list.push_back(entry.name);
  return list;
}

Json json_of(const std::optional<Greatest>& greatest) {
  if (!greatest) return nullptr;
  Json object;
  object["difference"] = json_of(xgrad::Scalar(greatest->difference));
  object["index"] = list_of(greatest->index);
  object["a"] = json_of(greatest->a);
  object["b"] = json_of(greatest->b);
  return object;
}

Json json_of(const Listing::Row& row) {
  Json object;
  object["name"] = row.entry.name;
  object["dtype"] = to_string(row.entry.dtype);
  object["stored"] = row.entry.stored;
  object["shape"] = list_of(row.entry.shape);
  object["elements"] = row.elements();
  object["bytes"] = row.bytes();
  if (row.statistics) {
    object["min"] = json_of(row.statistics->min);
    object["max"] = json_of(row.statistics->max);
    object["mean"] = json_of(row.statistics->mean);
    object["nan"] = row.statistics->nan;
  }
  return object;
}

Json json_of(const Comparison::Row& row) {
  Json object;
  object["name"] = row.a.name;
  object["equal"] = row.equal();
  object["dtype"]["a"] = to_string(row.a.dtype);
  object["dtype"]["b"] = to_string(row.b.dtype);
  object["shape"]["a"] = list_of(row.a.shape);
  object["shape"]["b"] = list_of(row.b.shape);
  object["differing"] = row.elements ? Json(row.elements->count) : Json();
  object["absolute"] = row.elements ? json_of(row.elements->absolute) : Json();
  object["relative"] = row.elements ? json_of(row.elements->relative) : Json();
  return object;
}

/// Bytes that are no UTF-8, as a path may have, become U+FFFD.
std::string line_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string to_json(const Listing& listing) {
  Json object;
  object["file"] = listing.file.path();
  object["format"] = to_string(listing.file.format());
  object["layout"] = json_of(listing.file.layout());
  object["metadata"] = Json::object();
  for (const auto& [name, text] : listing.file.metadata()) object["metadata"][name] = text;
  object["tensors"] = Json::array();
  for (const Listing::Row& row : listing.rows) object["tensors"].push_back(json_of(row));
  object["elements"] = listing.elements;
  object["bytes"] = listing.bytes;
  return line_of(object);
}

std::string to_json(const Comparison& comparison) {
  Json object;
  object["a"] = comparison.a.path();
  object["b"] = comparison.b.path();
  object["tolerance"] = comparison.tolerance;
  object["equal"] = comparison.equal();
  object["layouts"] = nullptr;
  if (comparison.layouts_differ()) {
    object["layouts"] = Json::object();
    object["layouts"]["a"] = json_of(comparison.a.layout());
    object["layouts"]["b"] = json_of(comparison.b.layout());
  }
  object["only_in_a"] = names_of(comparison.only_in_a);
  object["only_in_b"] = names_of(comparison.only_in_b);
  object["tensors"] = Json::array();
  for (const Comparison::Row& row : comparison.rows) object["tensors"].push_back(json_of(row));
  return line_of(object);
}
