import type zh from "../zh/friends";
import type { Same } from "../same";

export default {
  title: "Friends",
} satisfies Same<typeof zh>;
