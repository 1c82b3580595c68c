// What is shown while training runs: a table with a row per epoch and, on a terminal, a bar below it.
#pragma once

#include "training.hpp"

#include <chrono>
#include <string>

class ProgressDisplay {
 public:
  explicit ProgressDisplay(int epochs);

  void show(const Progress& progress);
  void show(const Epoch& epoch);

 private:
  void head();

  int epochs_;
  bool terminal_;
  bool headed_ = false;
  std::chrono::steady_clock::time_point last_shown_;
};

/// 60000 as "60,000".
std::string grouped(xgrad::Index number);
