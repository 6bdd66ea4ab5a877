export default {
  title: "好友关系",
};
