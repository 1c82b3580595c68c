// Loading while another process saves.
#include "saving.hpp"

#include <xgrad/tensor/compare.hpp>

#include <doctest/doctest.h>

#include <csignal>

using namespace xgrad;

TEST_CASE("loading while another process saves gives one whole version") {
  for (const std::string& format : test::saved_formats()) {
    CAPTURE(format);
    const test::TemporaryDirectory directory(test::fast_directory());
    const std::string path = directory.path("model." + format);
    const StateDict first = test::versioned(20'000, 1), second = test::versioned(10'000, 2);
    io::save(path, first);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      for (;;) {
        io::save(path, second);
        io::save(path, first);
      }
    }
    int loads = 0, firsts = 0, seconds = 0, others = 0, changes = 0;
    bool was_first = true;
    std::string error;
    // Until the versions have changed often enough in between, which takes luck on a busy machine.
    for (; (loads < 3000 || changes < 50) && loads < 300'000 && others == 0; ++loads) {
      try {
        const StateDict read = io::load(path);
        const auto is = [&](const StateDict& version) {
          if (read.size() != version.size()) return false;
          for (const auto& [name, tensor] : version)
            if (!read.contains(name) || !bitwise_equal(read.at(name), tensor)) return false;
          return true;
        };
        const bool is_first = is(first);
        firsts += is_first;
        seconds += !is_first && is(second);
        changes += is_first != was_first;
        was_first = is_first;
      } catch (const std::exception& thrown) {
        error = thrown.what();
        others += 1;
      }
    }
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    CAPTURE(error);
    CHECK(others == 0);
    CHECK(firsts + seconds == loads);
    CHECK(changes >= 50);
    MESSAGE(loads << " loads, " << changes << " changes in between");
  }
}
