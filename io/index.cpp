// An index of a checkpoint in several files, as Hugging Face writes it: {"metadata": {...}, "weight_map":
// {"name": "file"}}.
#include <xgrad/io/contents.hpp>
#include <xgrad/io/json.hpp>

#include <algorithm>
#include <map>

namespace xgrad::io::detail {
namespace {

constexpr std::uint64_t largest_index = 100'000'000;  // as of a header of safetensors

struct Index {
  std::vector<std::pair<std::string, std::string>> files_of_tensors;
  Metadata metadata;
  bool complete = false;  // there is a weight_map
};

Index read_index(const Input& input) {
  if (input.size() > largest_index)
    input.reject("an index may have " + std::to_string(largest_index) + " bytes, the file has " +
                     std::to_string(input.size()),
                 0);
  const std::string text = input.read_text(static_cast<std::size_t>(input.size()), 0, "the index");
  Index index;
  std::string section, key;
  parse_json(
      text,
      [&](const JsonToken& token) {
        using Kind = JsonToken::Kind;
        const auto reject = [&](const std::string& reason) {
          input.reject("the index: " + reason, token.offset);
        };
        if (token.depth == 0 && token.kind != Kind::object && token.kind != Kind::end)
          reject("must be an object");
        if (token.depth == 1 && token.kind == Kind::key) {
          section = token.text;
          if (section == "weight_map" && std::exchange(index.complete, true))
            reject("'weight_map' stands twice");
        } else if (token.depth == 1 && section == "weight_map" && token.kind != Kind::object &&
                   token.kind != Kind::end) {
          reject("'weight_map' must be an object");
        }
        if (token.depth == 2 && token.kind == Kind::key) {
          key = token.text;
        } else if (token.depth >= 2 && section == "weight_map") {
          if (token.depth != 2 || token.kind != Kind::text)
            reject("the file of '" + key + "' must be a text");
          // Files of other directories are none of the index's.
          if (token.text.empty() || token.text.find('/') != token.text.npos || token.text == "." ||
              token.text == "..")
            reject("the file of '" + key + "' must be one of the same directory, not '" +
                   std::string(token.text) + "'");
          index.files_of_tensors.emplace_back(key, token.text);
        } else if (token.depth == 2 && section == "metadata") {
          if (token.kind == Kind::text) index.metadata[key] = token.text;
          if (token.kind == Kind::count) index.metadata[key] = std::to_string(token.number);
        }
      },
      [&](const std::string& reason, std::size_t offset) { input.reject("the index: " + reason, offset); });
  if (!index.complete) input.reject("the index has no 'weight_map'", input.size());
  return index;
}

}  // namespace

Contents open_index(const SharedInput& input, const Callback<Contents(const std::string&)>& open) {
  Index index = read_index(*input);
  const std::size_t slash = input->name().rfind('/');
  const std::string directory = slash == std::string::npos ? "" : input->name().substr(0, slash + 1);

  // The tensors of each file, found by their names.
  struct Part {
    Contents contents;
    std::vector<std::size_t> by_name;
  };
  Contents contents{.format = Format::safetensors, .metadata = std::move(index.metadata)};
  std::vector<std::pair<const Part*, std::size_t>> places;
  const auto shared = std::make_shared<std::map<std::string, Part>>();
  for (auto& [name, file] : index.files_of_tensors) {
    auto found = shared->find(file);
    if (found == shared->end()) {
      Part part{open(directory + file), {}};
      part.by_name = order_by_name(part.contents.entries);
      if (shared->empty()) contents.layout = part.contents.layout;
      if (contents.layout != part.contents.layout) contents.layout = StateDict::Layout::unknown;
      found = shared->emplace(file, std::move(part)).first;
    }
    const Part& part = found->second;
    const auto position = find_entry(part.contents.entries, part.by_name, name);
    if (!position) input->reject("the index places '" + name + "' in " + file + ", where it is not", 0);
    contents.entries.push_back(part.contents.entries[*position]);
    places.emplace_back(&part, *position);
  }
  contents.read = [shared, places = std::move(places)](std::size_t i) {
    return places[i].first->contents.read(places[i].second);
  };
  return contents;
}

}  // namespace xgrad::io::detail
