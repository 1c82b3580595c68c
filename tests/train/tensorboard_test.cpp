// Event files, read back by a decoder of their own.
#include <doctest/doctest.h>
#include <unistd.h>

#include <xgrad/train/crc32c.hpp>
#include <xgrad/train/tensorboard.hpp>

#include <bit>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <vector>

#include "support/files.hpp"
#include "support/messages.hpp"

using namespace xgrad;
using test::contains;
using test::message_of;

namespace {

std::string bytes_of(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

std::uint64_t little(const std::string& bytes, std::size_t at, std::size_t count) {
  std::uint64_t number = 0;
  for (std::size_t i = count; i-- > 0;) number = number * 256 + static_cast<unsigned char>(bytes.at(at + i));
  return number;
}

/// Bit by bit, unlike the library's table.
std::uint32_t slow_masked_sum(const std::string& bytes) {
  std::uint32_t sum = ~0U;
  for (const char c : bytes) {
    sum ^= static_cast<unsigned char>(c);
    for (int i = 0; i < 8; ++i) sum = (sum & 1U) != 0 ? (sum >> 1U) ^ 0x82F63B78U : sum >> 1U;
  }
  sum = ~sum;
  return std::rotr(sum, 15) + 0xa282ead8U;
}

std::vector<std::string> records(const std::string& file) {
  std::vector<std::string> found;
  for (std::size_t at = 0; at < file.size();) {
    const std::size_t length = little(file, at, 8);
    CHECK(little(file, at + 8, 4) == slow_masked_sum(file.substr(at, 8)));
    found.push_back(file.substr(at + 12, length));
    REQUIRE(found.back().size() == length);
    CHECK(little(file, at + 12 + length, 4) == slow_masked_sum(found.back()));
    at += length + 16;
  }
  return found;
}

/// A protobuf message's fields, each at most once: numbers little endian, or bytes.
std::map<std::uint64_t, std::string> fields(const std::string& message) {
  std::map<std::uint64_t, std::string> found;
  std::size_t at = 0;
  const auto varint = [&] {
    std::uint64_t number = 0;
    for (unsigned shift = 0;; shift += 7) {
      const auto byte = static_cast<unsigned char>(message.at(at++));
      number |= static_cast<std::uint64_t>(byte & 0x7FU) << shift;
      if (byte < 0x80) return number;
    }
  };
  while (at < message.size()) {
    const std::uint64_t key = varint();
    std::string value;
    if (key % 8 == 0) {
      const std::uint64_t number = varint();
      for (unsigned i = 0; i < 8; ++i) value += static_cast<char>(number >> (8 * i));
    } else {
      const std::size_t size = key % 8 == 1 ? 8 : key % 8 == 5 ? 4 : varint();
      value = message.substr(at, size);
      at += size;
    }
    CHECK(found.emplace(key, value).second);
  }
  return found;
}

constexpr std::uint64_t wall_time = 1 * 8 + 1, step = 2 * 8 + 0, version = 3 * 8 + 2, summary = 5 * 8 + 2;

struct Point {
  std::string tag;
  float value;
  std::int64_t step;
};
Point point_of(const std::string& record) {
  const auto event = fields(record);
  CHECK(event.size() == 3);
  const double seconds = std::bit_cast<double>(little(event.at(wall_time), 0, 8));
  const double now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  CHECK(std::abs(now - seconds) < 100);
  const auto value = fields(fields(event.at(summary)).at(1 * 8 + 2));
  CHECK(value.size() == 2);
  return {value.at(1 * 8 + 2),
          std::bit_cast<float>(static_cast<std::uint32_t>(little(value.at(2 * 8 + 5), 0, 4))),
          static_cast<std::int64_t>(little(event.at(step), 0, 8))};
}

}  // namespace

TEST_CASE("tensorboard: check sums") {
  using train::detail::crc32c;
  CHECK(crc32c("") == 0);
  CHECK(crc32c("123456789") == 0xE3069283U);
  // RFC 3720, B.4.
  CHECK(crc32c(std::string(32, '\0')) == 0x8A9136AAU);
  CHECK(crc32c(std::string(32, '\xFF')) == 0x62A8AB43U);
  std::string ascending;
  for (char c = 0; c < 32; ++c) ascending += c;
  CHECK(crc32c(ascending) == 0x46DD794EU);
}

TEST_CASE("tensorboard: files are read back") {
  const test::TemporaryDirectory directory;
  train::EventWriter writer(directory.path("runs/one"));
  CHECK(contains(writer.path(), "runs/one/events.out.tfevents."));
  // The file says what it is from the beginning.
  CHECK(records(bytes_of(writer.path())).size() == 1);
  writer.scalar("loss", 0.5, 0);
  writer.scalar("loss/validation \u00e9", -1e-3, 300);
  writer.scalar("rate", std::numeric_limits<double>::quiet_NaN(), 1LL << 40);
  writer.scalar("rate", std::numeric_limits<double>::infinity(), -1);
  writer.scalar(std::string(300, 't'), 3, 5);
  writer.flush();

  const std::vector<std::string> all = records(bytes_of(writer.path()));
  REQUIRE(all.size() == 6);
  const auto first = fields(all[0]);
  CHECK(first.size() == 2);
  CHECK(first.at(version) == "brain.Event:2");
  CHECK(first.count(wall_time) == 1);
  const Point a = point_of(all[1]), b = point_of(all[2]), c = point_of(all[3]), d = point_of(all[4]),
              e = point_of(all[5]);
  CHECK((a.tag == "loss" && a.value == 0.5F && a.step == 0));
  CHECK((b.tag == "loss/validation \u00e9" && b.value == -1e-3F && b.step == 300));
  CHECK((c.tag == "rate" && std::isnan(c.value) && c.step == 1LL << 40));
  CHECK((std::isinf(d.value) && d.step == -1));
  CHECK((e.tag == std::string(300, 't') && e.value == 3));
}

TEST_CASE("tensorboard: two writers in one second, and what a writer leaves when it goes") {
  const test::TemporaryDirectory directory;
  std::string one, two;
  {
    train::EventWriter a(directory.path("")), b(directory.path(""));
    one = a.path();
    two = b.path();
    a.scalar("x", 1, 1);
    train::EventWriter moved = std::move(a);
    moved.scalar("x", 2, 2);
    CHECK_THROWS_AS(a.scalar("x", 3, 3), GraphError);
  }
  CHECK(one != two);
  CHECK(records(bytes_of(one)).size() == 3);
  CHECK(records(bytes_of(two)).size() == 1);
}

TEST_CASE("tensorboard: bad input") {
  const test::TemporaryDirectory directory;
  train::EventWriter writer(directory.path("a"));
  for (const std::string tag : {"\xFF", "a\xC3", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80"})
    CHECK(contains(message_of<ValueError>([&] { writer.scalar(tag, 1, 1); }),
                   {"tensorboard_test.cpp", "UTF-8"}));
  CHECK_THROWS_AS(writer.scalar("", 1, 1), ValueError);
  writer.flush();
  CHECK(records(bytes_of(writer.path())).size() == 1);
  CHECK_THROWS_AS(train::EventWriter(writer.path() + "/below"), IoError);
}
