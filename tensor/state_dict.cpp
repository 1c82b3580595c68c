// The index of a StateDict is a hash table with open addressing: a slot holds a position plus one, or 0 where
// it is free; at most half are taken, and a name stands in the first slot from its hash on that is its own.
// The hash has a key that nobody outside the process knows: a file cannot hold names made to collide, and the
// cost of n insertions is O(n).
#include <xgrad/tensor/state_dict.hpp>

#include <xgrad/tensor/error.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <ostream>
#include <random>

namespace xgrad {
namespace {

using Key = std::array<std::uint64_t, 2>;

Key random_key() {
  Key key{static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count()), 0};
  try {
    std::random_device device;
    for (std::uint64_t& word : key) word ^= std::uint64_t{device()} << 32 | device();
  } catch (const std::runtime_error&) {
    // A system without a source of random numbers: the clock alone must do.
  }
  return key;
}

// SipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", INDOCRYPT 2012).
std::size_t hash(std::string_view name) {
  static const Key key = random_key();
  std::uint64_t a = key[0] ^ 0x736f6d6570736575, b = key[1] ^ 0x646f72616e646f6d,
                c = key[0] ^ 0x6c7967656e657261, d = key[1] ^ 0x7465646279746573;
  const auto round = [&] {
    a += b;
    b = std::rotl(b, 13) ^ a;
    a = std::rotl(a, 32);
    c += d;
    d = std::rotl(d, 16) ^ c;
    a += d;
    d = std::rotl(d, 21) ^ a;
    c += b;
    b = std::rotl(b, 17) ^ c;
    c = std::rotl(c, 32);
  };
  const auto absorb = [&](std::uint64_t word) {
    d ^= word;
    round();
    a ^= word;
  };
  const std::uint64_t length = std::uint64_t{name.size()} << 56;
  std::uint64_t word = 0;
  for (; name.size() >= sizeof word; name.remove_prefix(sizeof word)) {
    std::memcpy(&word, name.data(), sizeof word);
    absorb(word);
  }
  word = 0;
  std::memcpy(&word, name.data(), name.size());
  absorb(word | length);
  c ^= 0xff;
  for (int i = 0; i < 3; ++i) round();
  return static_cast<std::size_t>(a ^ b ^ c ^ d);
}

void check_name(std::string_view name, Place place) {
  if (!StateDict::is_name(name))
    detail::fail_at<ValueError>(place, "StateDict: expects names joined by dots, none of them empty, got '" +
                                           std::string(name) + "'");
}

const char* maker(StateDict::Layout layout) {
  return layout == StateDict::Layout::pytorch ? "PyTorch" : "xgrad";
}

}  // namespace

// ------------------------------------------------------------------------------------------------- the index

/// The slot of `name`, or the free one that it would take. There must be slots.
std::size_t StateDict::slot_of(std::string_view name) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = hash(name) & mask;
  while (slots_[slot] != 0 && items_[slots_[slot] - 1].first != name) slot = (slot + 1) & mask;
  return slot;
}

/// Slots for `count` items.
void StateDict::make_room(std::size_t count) {
  if (2 * count <= slots_.size()) return;
  slots_ = std::vector<std::size_t>(std::bit_ceil(std::max<std::size_t>(2 * count, 16)));
  for (std::size_t i = 0; i < items_.size(); ++i) slots_[slot_of(items_[i].first)] = i + 1;
}

/// Frees a slot. Those taken behind it are filled again, as their names may have passed it.
void StateDict::release(std::size_t slot) {
  const std::size_t mask = slots_.size() - 1;
  slots_[slot] = 0;
  for (slot = (slot + 1) & mask; slots_[slot] != 0; slot = (slot + 1) & mask) {
    const std::size_t entry = std::exchange(slots_[slot], 0);
    slots_[slot_of(items_[entry - 1].first)] = entry;
  }
}

const Tensor* StateDict::find(std::string_view name) const& {
  if (slots_.empty()) return nullptr;
  const std::size_t entry = slots_[slot_of(name)];
  return entry != 0 ? &items_[entry - 1].second : nullptr;
}

// ------------------------------------------------------------------------------------------------- changes

StateDict::StateDict(std::initializer_list<Item> items, Place place) {
  for (const Item& item : items) set(item.first, item.second, place);
}

bool StateDict::is_name(std::string_view name) {
  return !name.empty() && name.front() != '.' && name.back() != '.' && name.find("..") == name.npos;
}

void StateDict::set(std::string name, Tensor tensor, Place place) {
  check_name(name, place);
  if (!tensor.defined())
    detail::fail_at<ValueError>(place, "StateDict: the tensor '" + name + "' is undefined");
  make_room(items_.size() + 1);
  std::size_t& entry = slots_[slot_of(name)];
  if (entry != 0) {
    items_[entry - 1].second = std::move(tensor);
    return;
  }
  items_.emplace_back(std::move(name), std::move(tensor));
  entry = items_.size();
}

bool StateDict::erase(std::string_view name) {
  if (!contains(name)) return false;
  const std::size_t slot = slot_of(name), gone = slots_[slot];
  release(slot);
  items_.erase(items_.begin() + static_cast<std::ptrdiff_t>(gone - 1));
  for (std::size_t& entry : slots_) entry -= entry > gone ? 1 : 0;
  return true;
}

void StateDict::rename(std::string_view from, std::string to, Place place) {
  check_name(to, place);
  static_cast<void>(at(from, place));
  if (from == to) return;
  if (contains(to)) detail::fail_at<ValueError>(place, "StateDict: there is a tensor '" + to + "' already");
  const std::size_t slot = slot_of(from), entry = slots_[slot];
  release(slot);
  items_[entry - 1].first = std::move(to);
  slots_[slot_of(items_[entry - 1].first)] = entry;
}

void StateDict::merge(StateDict other, Place place) {
  if (layout_ != Layout::unknown && other.layout_ != Layout::unknown && layout_ != other.layout_)
    detail::fail_at<ValueError>(
        place, std::string("StateDict: the weights of convolutions have the order of axes of ") +
                   maker(layout_) + " here, of " + maker(other.layout_) + " there");
  std::string both;
  for (const Item& item : other.items_)
    if (contains(item.first)) both += (both.empty() ? "" : ", ") + item.first;
  if (!both.empty()) detail::fail_at<ValueError>(place, "StateDict: these names are in both: " + both);
  const std::size_t count = items_.size() + other.items_.size();
  if (count > items_.capacity()) items_.reserve(std::max(count, 2 * items_.capacity()));
  make_room(count);
  for (Item& item : other.items_) {
    items_.push_back(std::move(item));
    slots_[slot_of(items_.back().first)] = items_.size();
  }
  if (layout_ == Layout::unknown) layout_ = other.layout_;
}

// ------------------------------------------------------------------------------------------------- parts

StateDict StateDict::with_prefix(std::string_view prefix, Place place) const {
  check_name(prefix, place);
  StateDict result;
  result.layout_ = layout_;
  for (const auto& [name, tensor] : items_) result.set(std::string(prefix) + '.' + name, tensor, place);
  return result;
}

StateDict StateDict::without_prefix(std::string_view prefix, Place place) const {
  check_name(prefix, place);
  const std::string start = std::string(prefix) + '.';
  StateDict result;
  result.layout_ = layout_;
  for (const auto& [name, tensor] : items_)
    if (name.starts_with(start)) result.set(name.substr(start.size()), tensor, place);
  return result;
}

StateDict StateDict::filter(const Predicate& keep) const {
  StateDict result;
  result.layout_ = layout_;
  for (const auto& [name, tensor] : items_)
    if (keep(name, tensor)) result.set(name, tensor);
  return result;
}

// ------------------------------------------------------------------------------------------------- access

const StateDict::Item& StateDict::operator[](Subscript position) const& {
  const auto at = static_cast<std::size_t>(position.position());
  if (at >= items_.size())
    detail::fail_at<IndexError>(position.place(), "item " + std::to_string(position.position()) +
                                                      " of a StateDict of " + std::to_string(items_.size()));
  return items_[at];
}

const Tensor& StateDict::at(std::string_view name, Place place) const& {
  if (const Tensor* tensor = find(name)) return *tensor;
  std::string names;
  for (const Item& item : items_) names += (names.empty() ? "" : ", ") + item.first;
  detail::fail_at<ValueError>(place, "StateDict: there is no tensor '" + std::string(name) + "'",
                              "there are: " + names);
}

std::string to_string(const StateDict& dict) {
  std::size_t width = 0;
  // A name that is longer moves its own line alone: the table stays as large as what is in it.
  constexpr std::size_t widest = 80;
  for (const auto& [name, tensor] : dict) width = std::max(width, std::min(name.size(), widest));
  constexpr std::size_t dtype_width = 7;  // of float32, int64, boolean, ...
  std::string text;
  std::uint64_t bytes = 0;
  for (const auto& [name, tensor] : dict) {
    std::string dtype(to_string(tensor.dtype()));
    dtype.resize(std::max(dtype.size(), dtype_width), ' ');
    text += name + std::string(std::max(width, name.size()) - name.size() + 2, ' ') + dtype + "  " +
            to_string(tensor.shape()) + '\n';
    bytes += static_cast<std::uint64_t>(tensor.bytes());
  }
  return text + std::to_string(dict.size()) + (dict.size() == 1 ? " tensor, " : " tensors, ") +
         std::to_string(bytes) + " bytes";
}

std::ostream& operator<<(std::ostream& stream, const StateDict& dict) { return stream << to_string(dict); }

}  // namespace xgrad
