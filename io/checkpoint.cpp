// Checkpoints: a safetensors file whose metadata have a checksum of all tensors, since a disk or a lost page
// can damage elements where no rule of the format tells.
#include <xgrad/io/checkpoint.hpp>

#include <xgrad/io/byte_source.hpp>
#include <xgrad/io/checkpoint_file.hpp>
#include <xgrad/io/file.hpp>

#include <xgrad/tensor/error.hpp>
#include <xgrad/tensor/factory.hpp>

#include <algorithm>
#include <cstring>

namespace xgrad::io {
namespace {

constexpr const char *version_key = "xgrad.checkpoint", *version = "1", *checksum_key = "xgrad.crc32";

// Of the order of axes, and of names, types, shapes and elements, in the order of the names; in hexadecimal.
std::string checksum(const StateDict& state) {
  std::vector<const StateDict::Item*> items;
  for (const StateDict::Item& item : state) items.push_back(&item);
  std::sort(items.begin(), items.end(), [](const auto* a, const auto* b) { return a->first < b->first; });
  const std::byte layout{static_cast<std::uint8_t>(state.layout())};
  std::uint32_t sum = detail::crc32(0, {&layout, 1});
  for (const auto* item : items) {
    const Tensor& tensor = item->second;
    const std::string label = item->first + " " + describe(tensor) + "\n";
    sum = detail::crc32(sum, std::as_bytes(std::span(label)));
    sum = detail::crc32(sum, {tensor.raw(), static_cast<std::size_t>(tensor.bytes())});
  }
  char text[9];
  std::snprintf(text, sizeof text, "%08x", static_cast<unsigned>(sum));
  return text;
}

[[noreturn]] void reject(const std::string& path, const std::string& text) {
  throw FormatError(xgrad::detail::message_prefix() + path + ": " + text, 0);
}

}  // namespace

StateDict detail::read_checkpoint(const std::string& path) {
  const File file(path);
  const Metadata& metadata = file.metadata();
  const auto found = metadata.find(version_key);
  if (file.format() != Format::safetensors || found == metadata.end())
    reject(path, "this is a file of tensors, but no checkpoint");
  if (found->second != version)
    reject(path, "expects a checkpoint of version " + std::string(version) + ", got " + found->second);
  StateDict state = file.read();
  const auto expected = metadata.find(checksum_key);
  if (expected == metadata.end() || expected->second != checksum(state))
    reject(path, "the checkpoint is damaged: its tensors do not give the checksum that it has");
  return state;
}

namespace {

// The scalar of the type that is expected.
template <class T>
void restore_scalar(const Tensor& from, T& value) {
  if (from.rank() != 0 || from.dtype() != dtype_of<T>)
    fail<ValueError>("expects " + std::string(to_string(dtype_of<T>)) + " (), got " + describe(from));
  value = from.item<T>();
}

}  // namespace

// ------------------------------------------------------------------------------------------------- values

namespace detail {

Tensor kept(bool value) { return scalar(value); }
Tensor kept(std::int64_t value) { return scalar(value); }
Tensor kept(double value) { return scalar(value, float64); }
Tensor kept(const std::string& value) {
  return Tensor::from(std::span(reinterpret_cast<const std::uint8_t*>(value.data()), value.size()));
}
Tensor kept(const std::vector<double>& value) { return Tensor::from(value); }
Tensor kept(const Tensor& value) { return value; }

void restore(const Tensor& from, bool& value) { restore_scalar(from, value); }
void restore(const Tensor& from, std::int64_t& value) { restore_scalar(from, value); }
void restore(const Tensor& from, double& value) { restore_scalar(from, value); }
void restore(const Tensor& from, std::string& value) {
  if (from.rank() != 1 || from.dtype() != uint8)
    fail<ValueError>("expects a text, uint8 (n,), got " + describe(from));
  value.assign(reinterpret_cast<const char*>(from.raw()), static_cast<std::size_t>(from.count()));
}
void restore(const Tensor& from, std::vector<double>& value) {
  if (from.rank() != 1 || from.dtype() != float64)
    fail<ValueError>("expects float64 (n,), got " + describe(from));
  const auto numbers = from.span<double>();
  value.assign(numbers.begin(), numbers.end());
}
void restore(const Tensor& from, Tensor& value) { value = from; }

void reject_range(Scalar number) {
  const std::string text =
      is_floating(number.dtype()) ? std::to_string(number.real()) : std::to_string(number.integer());
  fail<ValueError>("the number " + text + " is beyond the range of its type");
}

}  // namespace detail

// ------------------------------------------------------------------------------------------------- parts

bool Checkpoint::Part::owns(std::string_view tensor) const {
  if (!tensor.starts_with(name)) return false;
  tensor.remove_prefix(name.size());
  return value ? tensor.empty() : tensor.starts_with('.');
}

Checkpoint& Checkpoint::add(Part part, Place place) {
  const Scope scope("Checkpoint", place);
  if (!StateDict::is_name(part.name))
    fail<ValueError>("expects names joined by dots, none of them empty, got '" + part.name + "'");
  for (const Part& other : parts_)
    if ((part.name + ".").starts_with(other.name + ".") || (other.name + ".").starts_with(part.name + "."))
      fail<ValueError>("the parts '" + other.name + "' and '" + part.name + "' would have the same names");
  parts_.push_back(std::move(part));
  return *this;
}

StateDict Checkpoint::state_dict(Place place) const {
  const Scope scope("Checkpoint", place);
  StateDict state;
  for (const Part& part : parts_) part.save(state);
  return state;
}

PreparedLoad Checkpoint::prepare_load(const StateDict& state, Place place) {
  const Scope scope("Checkpoint", place);
  const std::string prefix = xgrad::detail::message_prefix();
  std::string mismatches;
  const auto loads = std::make_shared<std::vector<PreparedLoad>>();
  for (const Part& part : parts_) {
    try {
      if (part.value && !state.contains(part.name))
        mismatches += "\n" + part.name + ": missing";
      else
        loads->push_back(part.prepare(state));
    } catch (const Error& error) {
      std::string text = error.what();
      if (text.starts_with(prefix)) text.erase(0, prefix.size());
      mismatches += "\n" + part.name + ": " + text;
    }
  }
  for (const auto& [name, tensor] : state)
    if (std::none_of(parts_.begin(), parts_.end(),
                     [&, &its_name = name](const Part& part) { return part.owns(its_name); }))
      mismatches += "\n" + name + ": belongs to no part";
  if (!mismatches.empty()) fail<ValueError>("the checkpoint does not fit:" + mismatches);
  return [loads]() noexcept {
    for (PreparedLoad& load : *loads) load.run();
  };
}

void Checkpoint::save(const std::string& path, Place place) const {
  const Scope scope("Checkpoint", place);
  for (const char* const extension : {".npz", ".npy", ".pt", ".pth"})
    if (path.ends_with(extension))
      fail<ValueError>("a checkpoint is a safetensors file, and " + path + " has the name of another");
  const StateDict state = state_dict();
  save_safetensors(path, state, {{version_key, version}, {checksum_key, checksum(state)}});
}

void Checkpoint::load(const std::string& path, Place place) {
  const Scope scope("Checkpoint", place);
  const StateDict state = detail::read_checkpoint(path);
  prepare_load(state).run();
}

}  // namespace xgrad::io
