#include "supervisor/process_stat.h"

#include <dirent.h>

#include <fstream>
#include <sstream>
#include <string>

namespace rollpoint::supervisor {

std::optional<ProcessStat> read_process_stat(pid_t pid) {
  std::string text;
  std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/stat"), text);
  // The name in field 2 may hold blanks and brackets (proc(5)).
  const auto end = text.rfind(')');
  if (end == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(end + 1));
  ProcessStat result;
  fields >> result.state >> result.parent >> result.group >> result.session;
  std::string field;
  for (int number = 7; number <= 52 && fields >> field; ++number) {
    if (number == 38) result.exit_signal = std::stoi(field);
    if (number == 52) result.exit_status = std::stoi(field);
  }
  return result;
}

std::string child_name(pid_t pid) {
  std::string name;
  std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/comm"), name);
  return "Child process " + std::to_string(pid) + (name.empty() ? "" : " (" + name + ")");
}

std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> result;
  const std::string tasks = "/proc/" + std::to_string(pid) + "/task";
  DIR* directory = opendir(tasks.c_str());
  if (!directory) return result;
  while (dirent* entry = readdir(directory)) {
    if (entry->d_name[0] == '.') continue;
    std::ifstream file(tasks + "/" + entry->d_name + "/children");
    for (pid_t child; file >> child;) result.push_back(child);
  }
  closedir(directory);
  return result;
}

}  // namespace rollpoint::supervisor
