// A hash map from pointers to small integers: open addressing, no memory per entry.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace xgrad::detail {

class PointerMap {
 public:
  /// The value stored for `key`, inserted as `fresh` when there is none.
  std::uint32_t& insert(const void* key, std::uint32_t fresh) {
    if (2 * (size_ + 1) > entries_.size()) grow();
    Entry& entry = entries_[probe(key)];
    if (entry.key == nullptr) {
      entry = {key, fresh};
      ++size_;
    }
    return entry.value;
  }
  const std::uint32_t* find(const void* key) const {
    if (size_ == 0) return nullptr;
    const Entry& entry = entries_[probe(key)];
    return entry.key != nullptr ? &entry.value : nullptr;
  }
  void erase(const void* key) {
    std::size_t hole = probe(key);
    if (entries_[hole].key == nullptr) return;
    --size_;
    // Later entries of the run move up, so that no probe meets a hole before its key.
    for (std::size_t i = next(hole); entries_[i].key != nullptr; i = next(i)) {
      const std::size_t distance_from_home = (i - home(entries_[i].key)) & mask_;
      if (distance_from_home >= ((i - hole) & mask_)) {
        entries_[hole] = entries_[i];
        hole = i;
      }
    }
    entries_[hole].key = nullptr;
  }

 private:
  struct Entry {
    const void* key = nullptr;
    std::uint32_t value = 0;
  };

  std::size_t next(std::size_t i) const { return (i + 1) & mask_; }
  std::size_t home(const void* key) const {
    return static_cast<std::size_t>((reinterpret_cast<std::uintptr_t>(key) >> 6) * 0x9E3779B97F4A7C15u >>
                                    20) &
           mask_;
  }
  std::size_t probe(const void* key) const {
    std::size_t i = home(key);
    while (entries_[i].key != nullptr && entries_[i].key != key) i = next(i);
    return i;
  }
  void grow() {
    std::vector<Entry> old(entries_.empty() ? 64 : 2 * entries_.size());
    old.swap(entries_);
    mask_ = entries_.size() - 1;
    for (const Entry& entry : old)
      if (entry.key != nullptr) entries_[probe(entry.key)] = entry;
  }

  std::vector<Entry> entries_;
  std::size_t mask_ = 0;  // one less than the number of entries, a power of two
  std::size_t size_ = 0;
};

}  // namespace xgrad::detail
