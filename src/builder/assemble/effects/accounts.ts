import { byKey } from "../../../shared/order.ts";
import type { User } from "../../recipe/recipe.ts";
import { textFile, type NewNode } from "../new-node.ts";

/** Who a root knows where its recipe names nobody. */
const PLAIN_USERS: readonly User[] = [
  { name: "root", uid: 0, gid: 0, home: "/root", comment: "root" },
  { name: "nobody", uid: 65534, gid: 65534, home: "/nonexistent", comment: "nobody" },
];

/** The recipe's users over those of the layer below, by name. */
export function mergeUsers(below: readonly User[], users: readonly User[]): readonly User[] {
  const base = below.length + users.length === 0 ? PLAIN_USERS : below;
  const byName = new Map([...base, ...users].map((user) => [user.name, user]));
  return [...byName.values()].sort((a, b) => a.uid - b.uid || byKey<User>(({ name }) => name)(a, b));
}

/** passwd(5) and group(5). The password is "*", which no password is: nobody can log in, and there is no shadow(5) to keep. */
export function accountFiles(users: readonly User[]): readonly NewNode[] {
  const passwd = users.map(({ name, uid, gid, comment, home }) =>
    [name, "*", uid, gid, comment, home, "/usr/sbin/nologin"].join(":"),
  );
  const group = users.map(({ name, gid }) => [name, "*", gid, ""].join(":"));
  return [textFile("etc/passwd", lines(passwd)), textFile("etc/group", lines(group))];
}

function lines(list: readonly string[]): string {
  return list.map((line) => `${line}\n`).join("");
}
