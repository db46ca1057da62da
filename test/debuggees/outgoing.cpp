// Tells a server on this machine how far it is, at every step: what no restore of the program takes back.
#include <arpa/inet.h>
#include <cstdio>
#include <cstdlib>
#include <sys/socket.h>
#include <unistd.h>

static void tell(int server, int step) {
  char line[32];
  int length = std::snprintf(line, sizeof line, "step %d\n", step);
  if (write(server, line, length) != length) std::exit(1);
}

int main(int, char** arguments) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(std::atoi(arguments[1]));
  int server = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(server, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return 2;
  int told = 0;
  for (int step = 1; step <= 20; ++step) {
    tell(server, step);  // @tell
    told = step;         // @told
  }
  return told == 20 ? 0 : 1;
}
