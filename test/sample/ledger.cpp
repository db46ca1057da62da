// A ledger. Twenty days with fifty thousand bookings each, a million writes.
// In the end the reserve, which no booking may touch, is not what it was: one of them has written past the accounts.
// Which? Stop at the end of each day, then ask where "ledger.reserve" changed.
#include <cstdio>

struct Ledger {
  int accounts[1000] = {};
  int reserve = 5000;
};

Ledger ledger;

void book(int account, int amount) {
  ledger.accounts[account] += amount;  // @booked
}

// Large amounts go half to the next account.
void enter(int number) {
  const int account = (number * 7 + 591) % 1000;
  const int amount = number % 612345 == 612344 ? 900 : number % 90;
  if (amount > 500) {
    book(account + 1, amount / 2);  // and the last account has none
    book(account, amount / 2);
  } else {
    book(account, amount);
  }
}

void end_of_day(int day) {
  std::printf("day %d: reserve %d\n", day, ledger.reserve);  // break here: once a day
  std::fflush(stdout);
}

int main() {
  for (int day = 1; day <= 20; ++day) {
    for (int number = 0; number < 50000; ++number) enter((day - 1) * 50000 + number);
    end_of_day(day);
  }
  return ledger.reserve == 5000 ? 0 : 1;
}
