import type zh from "../zh/account";
import type { Same } from "../same";

export default {
  title: "My account",
} satisfies Same<typeof zh>;
