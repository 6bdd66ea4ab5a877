import { useQuery } from "@tanstack/react-query";
import { api, type Schema } from "../../api/client";
import { useRefresh } from "../../common/refresh";

export type Operator = Schema<"ShownOperator">;
export type Role = Schema<"Role">;

/** The roles, the one with the most rights first. */
export const ROLES: Role[] = ["admin", "operator", "viewer"];

/** An operator as read, with what shows whether it was changed since. */
export interface ReadOperator {
  operator: Operator;
  revision: string | null;
}

/** What the keys of queries of single operators begin with. */
export const OPERATOR_KEY = "operator";

/** Reads an operator. */
export function useOperator(id: string) {
  return useQuery({
    queryKey: [OPERATOR_KEY, id],
    queryFn: async (): Promise<ReadOperator> => {
      const { data, response } = await api.GET("/operators/{operator}", { params: { path: { operator: id } } });
      return { operator: data as Operator, revision: response.headers.get("ETag") };
    },
  });
}

/** Returns a function that changes an operator, unless somebody else did since it was read. Then the operator is read again. */
export function useOperatorUpdate({ operator, revision }: ReadOperator) {
  const refresh = useRefresh();
  return async (changes: Schema<"OperatorUpdate">) => {
    try {
      await api.PATCH("/operators/{operator}", {
        params: { path: { operator: operator.id }, header: { "If-Match": revision } },
        body: changes,
      });
    } finally {
      void refresh();
    }
  };
}

/** Whether no other administrator could sign in without this operator. */
export function isLastAdmin(operator: Operator, all: Operator[]): boolean {
  const canSignIn = ({ role, disabled, hasPassword }: Operator) => role === "admin" && !disabled && hasPassword;
  return canSignIn(operator) && all.filter(canSignIn).length === 1;
}
